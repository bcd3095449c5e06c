"""A whole replay on the real database: trades each second with 3 accounts and 20 whales."""

from pathlib import Path

from backtest import demo, sample, setting_up
from backtest.replay import Replay
from bench.result import Result, seconds

TRADES = 15_000


def measure(folder: str) -> Result:
    path = sample.write(Path(folder), trades=TRADES)
    plan = setting_up.set_up(
        paths=[path],
        resolutions_path=None,
        account_name=None,
        assumed=demo.ASSUMED,
        password_file=Path(folder) / "password",
        progress=lambda rows: None,
    )
    replay = Replay(feed=plan.feed, paths=plan.paths, in_order=plan.in_order, winners=plan.winners)
    took = seconds(replay.run)
    return Result(
        name="replay on the database, 3 accounts following 20 whales",
        measured=TRADES / took,
        promised=1000,
        unit="trades a second",
    )
