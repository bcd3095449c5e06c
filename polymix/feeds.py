"""What `make up` reads: a recording, or the sandbox. Each says what to run and to show."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from django.conf import settings

from backtest import demo, setting_up
from markets import clock
from markets.domain.contracts import masked_hash
from markets.models import Feed
from polymix import embedded
from polymix.progress import bar
from polymix.supervisor import Child, python
from sandbox import texts
from trading.models import Order

SANDBOX, LIVE = "sandbox", "live"  # the keys of their feeds
REACH = 3.0  # seconds that the real exchange has to answer
FIRST_PORT, LAST_PORT = 8700, 8900
SERVERS = ("polymarket", "kalshi", "oracle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where trades come from in this run."""

    children: Sequence[Child]
    lines: Sequence[str]  # for the screen


class NoPort(Exception):
    """No room for the sandbox's servers; the text says what to do."""


def recording(path: Path, *, resolutions: Path | None, minutes: str) -> Source:
    """Read and prepare a recording. Raises what `setting_up.set_up` raises."""
    _refuse_beside(Feed.Kind.SANDBOX)
    with bar("Reading the recording") as progress:
        plan = setting_up.set_up(
            paths=[path.resolve()],
            resolutions_path=resolutions,
            account_name=None,
            assumed=demo.ASSUMED,
            password_file=password_file(),
            progress=progress,
        )
    command = ["manage.py", "replay", *(str(each) for each in plan.paths)]
    command += ["--speed", minutes, "--hands", "celery"]
    if plan.resolutions:
        command += ["--resolutions", str(plan.resolutions)]
    feed = plan.feed
    state = "replayed" if feed.state == Feed.State.DONE else f"row {feed.position:,} of"
    results = plan.resolutions.name if plan.resolutions else "none, so nothing settles"
    return Source(
        children=[Child(name="replay", command=python(*command), once=True)],
        lines=[
            f"  Feed       recording {feed.name}, {state} {feed.total:,} trades, "
            f"{plan.quarantined} bad rows set aside",
            "  ASSUMED    whale figures are set by hand for this replay, not earned",
            f"  Results    {results}",
        ],
    )


def refuse_real_money() -> None:
    """Raise CannotReplay where the sandbox would be traded with real money."""
    if settings.LIVE_TRADING:
        raise setting_up.CannotReplay(
            "LIVE_TRADING is true, and the sandbox's invented prices are never traded with real "
            "money. Set LIVE_TRADING=false, or use another database, and start again."
        )


def sandbox() -> Source:
    """Prepare both sandbox exchanges and a watch over them. Raises CannotReplay or NoPort."""
    refuse_real_money()
    _refuse_beside(Feed.Kind.RECORDING)
    port = _free_ports()
    base = f"http://127.0.0.1:{port}"
    # The children inherit these: nothing in this run asks the real exchange.
    names = ("CLOB", "GAMMA", "DATA", "RELAYER")
    os.environ |= {f"POLYMARKET_{name}_URL": base for name in names}
    os.environ |= {
        "POLYMARKET_ACTIVITY_URL": f"ws://127.0.0.1:{port}/",
        "POLYMARKET_WS_URL": f"ws://127.0.0.1:{port}",
        "POLYMARKET_GEOBLOCK_URL": "",
        "POLYGON_WS_URL": "",
        "POLYGON_RPC_URL": f"{base}/rpc",
        "KALSHI_URL": f"{_at(port, 1)}/trade-api/v2",
        "KALSHI_SERIES": "KXNBAGAME,KXNFLGAME,KXNHLGAME",
        "KALSHI_WS_URL": f"ws://127.0.0.1:{port + 1}/trade-api/ws/v2",
    }
    os.environ |= sandbox_texts()
    feed = _feed(SANDBOX, Feed.Kind.SANDBOX, "sandbox exchanges")
    owner, _ = demo.ensure_user(password_file=password_file())
    demo.ensure_accounts(feed=feed, owner=owner, now=feed.started_at)
    memory = embedded.home() / "sandbox.json"
    servers = ["manage.py", "sandbox", "--port", str(port), "--memory", str(memory)]
    watch = ["manage.py", "watch", "--feed", SANDBOX, "--hands", "celery"]
    return Source(
        children=[
            Child(name="sandbox", command=python(*servers)),
            Child(name="watch", command=python(*watch)),
            Child(name="pairs", command=python("manage.py", "watch_arbitrage")),
        ],
        lines=[
            "  SANDBOX    invented exchanges, games, whales and prices, all on this machine",
            f"  Feed       Polymarket {base}   Kalshi {_at(port, 1)}   oracle {_at(port, 2)}",
            "  Whales     found on its leaderboard and scored by their settled bets",
        ],
    )


def live() -> Source:
    """Prepare a watch over the real exchange's public data. Raises CannotReplay."""
    _refuse_beside(Feed.Kind.RECORDING)
    _refuse_beside(Feed.Kind.SANDBOX)
    feed = _feed(LIVE, Feed.Kind.LIVE, "Polymarket, live")
    owner, _ = demo.ensure_user(password_file=password_file())
    demo.ensure_accounts(feed=feed, owner=owner, now=feed.started_at)
    watch = ["manage.py", "watch", "--feed", LIVE, "--hands", "celery"]
    children = [
        Child(name="watch", command=python(*watch)),
        Child(name="pairs", command=python("manage.py", "watch_arbitrage")),
    ]
    if settings.LIVE_TRADING:
        children.append(Child(name="orders", command=python("manage.py", "keep_orders")))
    pushed = "the chain, " if settings.POLYGON_WS_URL else ""
    return Source(
        children=children,
        lines=[
            f"  Feed       Polymarket, live: {settings.POLYMARKET_CLOB_URL}",
            f"  Whales     by {pushed}its activity feed and the Data API; no key is needed",
        ],
    )


def sandbox_texts() -> dict[str, str]:
    """Return settings that know the sandbox's own rule texts, and no real ones."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    leagues = sorted(texts.SITES)
    hashes = {
        league: masked_hash(texts.polymarket(league, ("One", "Other"), start), ("One", "Other"))
        for league in leagues
    }
    return {
        "PAIR_TEXTS": ",".join(f"{league}={hashes[league]}" for league in leagues),
        "PAIR_RULEBOOKS": ",".join(f"{league}={texts.rulebook_hash(league)}" for league in leagues),
    }


def began_on_sandbox() -> bool:
    return Feed.objects.filter(kind=Feed.Kind.SANDBOX).exists()


def is_reachable() -> bool:
    """Tell whether the real exchange's public data can be read from here, within seconds."""
    try:
        answer = httpx.get(f"{settings.POLYMARKET_CLOB_URL}/time", timeout=REACH)
        return answer.status_code == 200 and answer.text.strip().isdecimal()
    except httpx.HTTPError:
        return False


def _refuse_beside(kind: Feed.Kind) -> None:
    """Refuse to start beside another kind of feed whose work is not done: each has its own time,
    and would end the other's orders. Raises CannotReplay.
    """
    other = Feed.objects.filter(kind=kind).exclude(state=Feed.State.DONE).first()
    if other is None:
        return
    mine = Order.objects.holding().filter(account__in=other.accounts)
    if mine.exists() or (kind == Feed.Kind.RECORDING and other.position):
        raise setting_up.CannotReplay(
            f"The {other.name} feed of this folder is not at its end, and two feeds have two "
            "clocks. "
            "Go on with it, or use an empty folder: POLYMIX_HOME=another-folder, then the same "
            "command."
        )


def password_file() -> Path:
    return embedded.home() / "demo_password"


def _at(port: int, place: int) -> str:
    return f"http://127.0.0.1:{port + place}"


def _feed(key: str, kind: Feed.Kind, name: str) -> Feed:
    now = clock.database_now()
    feed, made = Feed.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "name": name,
            "started_at": now,
            "seen_at": now,
        },
    )
    if not made:
        clock.make_current(feed)
    return feed


def _free_ports() -> int:
    """Return the first port from which on all servers find room."""
    for port in range(FIRST_PORT, LAST_PORT, len(SERVERS)):
        if all(_is_free(port + place) for place in range(len(SERVERS))):
            return port
    raise NoPort(f"No three ports in a row are free from {FIRST_PORT} to {LAST_PORT}. Free some.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
