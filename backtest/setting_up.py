"""Everything before the first trade: read the files, make the feed, find the accounts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from accounts.models import Account
from backtest import demo, recordings, resolutions
from backtest.recordings import BadRow, Row, Scan
from backtest.resolutions import Winner
from markets import clock
from markets.models import Feed
from whales.models import Follow, QuarantinedRow


class CannotReplay(Exception):
    """The replay cannot begin; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    feed: Feed
    paths: Sequence[Path]
    in_order: bool
    winners: Sequence[Winner]
    accounts: Sequence[Account]
    quarantined: int
    skipped: int
    resolutions: Path | None


def set_up(
    *,
    paths: Sequence[Path],
    resolutions_path: Path | None,
    account_name: str | None,
    assumed: Mapping[str, float] | None,
    password_file: Path,
    progress: Callable[[int], None],
) -> Plan:
    """Read the files once, keep their bad rows, and prepare feed, accounts and follows.

    Safe to repeat: the same files are the same feed. Raises UnreadableRecording, BadResolutions or
    CannotReplay.
    """
    if settings.LIVE_TRADING:
        raise CannotReplay(
            "LIVE_TRADING is true, and a recording is never traded with real money. "
            "Set LIVE_TRADING=false, or use another database, and start again."
        )
    scan = recordings.scan(paths, each=_keep_bad_rows(progress))
    if not scan.trades:
        names = ", ".join(str(path) for path in paths)
        raise CannotReplay(f"{names}: not one readable trade ({scan.bad} bad rows quarantined).")
    results = resolutions_path or resolutions.beside(paths[0])
    winners = resolutions.read(results) if results else []
    feed = _feed(paths, scan, assumed)
    accounts = _accounts(feed, account_name, password_file)
    first = scan.first_at
    assert first is not None
    if account_name is None or not Follow.objects.filter(account__in=accounts).exists():
        demo.follow_all(
            accounts=accounts,
            volumes=scan.volume_of_first_tenth,
            assumed=feed.assumed or None,
            now=first,
        )
    elif assumed is not None:
        Follow.objects.filter(account__in=accounts).update(assumed=dict(assumed))
    return Plan(
        feed=feed,
        paths=paths,
        in_order=scan.sorted,
        winners=winners,
        accounts=accounts,
        quarantined=scan.bad,
        skipped=scan.skipped,
        resolutions=results,
    )


def _feed(paths: Sequence[Path], scan: Scan, assumed: Mapping[str, float] | None) -> Feed:
    now = clock.database_now()
    _refuse_overlap(scan)
    feed, made = Feed.objects.get_or_create(
        key=scan.key,
        defaults={
            "kind": Feed.Kind.RECORDING,
            "name": ", ".join(path.name for path in paths)[:300],
            "total": scan.trades,
            "first_at": scan.first_at,
            "last_at": scan.last_at,
            "clock_at": scan.first_at,
            "assumed": dict(assumed) if assumed else {},
            "started_at": now,
            "seen_at": now,
        },
    )
    if not made:
        clock.make_current(feed)
    return feed


def _refuse_overlap(scan: Scan) -> None:
    """Refuse trades that another recording may have brought: new followers would miss them."""
    other = (
        Feed.objects.exclude(key=scan.key)
        .filter(position__gt=0, first_at__lte=scan.last_at, clock_at__gte=scan.first_at)
        .first()
    )
    if other is not None:
        raise CannotReplay(
            f"This recording overlaps {other.name}, which was replayed here. A trade is stored "
            "and decided once, so new accounts would miss what both have. Use an empty database: "
            "POLYMIX_HOME=another-folder, then the same command."
        )


def _accounts(feed: Feed, name: str | None, password_file: Path) -> list[Account]:
    assert feed.first_at is not None
    if name is None:
        owner, _ = demo.ensure_user(password_file=password_file)
        return demo.ensure_accounts(feed=feed, owner=owner, now=feed.first_at)
    found = list(Account.objects.filter(name=name).order_by("created_at"))
    if not found:
        names = ", ".join(Account.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise CannotReplay(f"There is no account {name!r}. Accounts here: {names}.")
    if len(found) > 1:
        raise CannotReplay(f"{len(found)} accounts are called {name!r}; rename one in the admin.")
    last = found[0].entries.order_by("-at").values_list("at", flat=True).first()
    if feed.position == 0 and last and last > feed.first_at and found[0].fills.exists():
        raise CannotReplay(
            f"{name} has traded until {last:%d %b %Y}, after this recording begins "
            f"({feed.first_at:%d %b %Y}). Time cannot run backwards in one account: "
            "use another account, or none for new demo accounts."
        )
    return found


def _keep_bad_rows(progress: Callable[[int], None]) -> Callable[[str, Row], None]:
    def keep(file_key: str, row: Row) -> None:
        progress(1)
        if isinstance(row, BadRow):
            QuarantinedRow.objects.get_or_create(
                file_key=file_key,
                line=row.line,
                defaults={
                    "file": row.file[:300],
                    "reason": row.reason[:300],
                    "excerpt": row.excerpt[:500],
                    "at": clock.database_now(),
                },
            )

    return keep
