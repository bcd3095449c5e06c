"""Read side: what stops an account now - kill switches, open breakers, the mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from markets.queries import rows
from risk.domain import breakers
from risk.domain.breakers import BreakerKind, Trip
from risk.domain.reasons import Reason, Refusal
from risk.models import KillSwitch
from venues.words import moment

OPEN_TRIPS = """
SELECT account_id, kind, window_start, measured, "limit" FROM risk_breakertrip
 WHERE reset_at IS NULL AND account_id = ANY(%(accounts)s) ORDER BY at
"""
# A kill switch that somebody set; one that nobody lifts but by looking: a critical alert of a real
# account that was not seen in time; and one that time lifts: too many matches of the venue's latest
# failed on the chain. By the database's clock, which no feed moves.
STOPS = """
SELECT id, scope, key, level, by, why, at FROM risk_killswitch
 UNION ALL
SELECT -e.id, 'ALERT', e.account_id::text, 'ENTRIES', '', e.sentence, e.at
  FROM notifications_event e JOIN accounts_account a ON a.id = e.account_id
 WHERE e.level = 'ACT' AND e.seen_at IS NULL AND a.mode <> 'PAPER'
   AND e.at < now() - make_interval(mins => %(minutes)s)
 UNION ALL
SELECT 0, 'VENUE', last.venue, 'ENTRIES', 'the settlement breaker',
       last.failed || ' of its last ' || last.known || ' settlements failed', last.at
  FROM (SELECT venue, count(*) FILTER (WHERE settlement = 'FAILED') AS failed,
               count(*) AS known, max(at) AS at
          FROM (SELECT venue, settlement, at FROM trading_fill
                 WHERE venue = 'polymarket' AND settlement IN ('CONFIRMED', 'FAILED')
                   AND at > now() - make_interval(hours => %(hours)s)
                 ORDER BY at DESC LIMIT %(settlements)s) latest
         GROUP BY venue) last
 WHERE last.failed > %(failures)s
 ORDER BY id
"""
SETTLEMENTS = 20  # the latest ones that the settlement breaker looks at
ALERT = "ALERT"
UNSEEN = 'A critical alert has had no answer: open it and say "I have seen it". It says:'


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Kill switches in force, read once."""

    switches: tuple[KillSwitch, ...]

    def words(self, *, account_id: UUID, whale: str, venue: str, entries: bool) -> str:
        """Return who stopped what, or an empty string when this may go on."""
        if not self.switches:
            return ""
        keys = {
            KillSwitch.Scope.SERVER.value: "",
            KillSwitch.Scope.VENUE.value: venue,
            KillSwitch.Scope.ACCOUNT.value: str(account_id),
            KillSwitch.Scope.WHALE.value: whale,
            ALERT: str(account_id),
        }
        for switch in self.switches:
            applies = switch.key == keys[switch.scope]
            if applies and (entries or switch.level == KillSwitch.Level.ALL):
                if switch.scope == ALERT:
                    return f"{UNSEEN} {switch.why}"
                what = "Everything" if switch.level == KillSwitch.Level.ALL else "Buying"
                where = {"SERVER": "on this server", "ACCOUNT": "for this account"}.get(
                    switch.scope, f"for {switch.key}"
                )
                why = f": {switch.why}" if switch.scope == KillSwitch.Scope.VENUE else ""
                return f"{what} is stopped {where} by {switch.by} since {moment(switch.at)}{why}."
        return ""


def read_stops() -> Stops:
    asked = {
        "minutes": settings.ALERT_MINUTES,
        "settlements": SETTLEMENTS,
        "failures": settings.SETTLEMENT_FAILURES,
        "hours": settings.SETTLEMENT_HOURS,
    }
    return Stops(switches=tuple(KillSwitch(**row) for row in rows(STOPS, asked)))


def open_trips(account_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, tuple[Trip, ...]]:
    """Return the breakers that stop entries at `now`, by account, oldest first."""
    found: dict[UUID, tuple[Trip, ...]] = {}
    for row in rows(OPEN_TRIPS, {"accounts": list(account_ids)}):
        kind, start = BreakerKind(row["kind"]), row["window_start"]
        if breakers.is_open(kind=kind, window_start=start, now=now):
            trip = Trip(kind=kind, measured=row["measured"], limit=row["limit"], window_start=start)
            found[row["account_id"]] = (*found.get(row["account_id"], ()), trip)
    return found


def mode_refusal(mode: str) -> Refusal | None:
    """Return why nothing may be traded in this mode on this server, or None."""
    if mode == "PAPER":
        if settings.PAPER_TRADING_ENABLED:
            return None
        return Refusal(reason=Reason.PAPER_OFF, sentence="Paper trading is off on this server.")
    if settings.LIVE_TRADING:
        return None
    return Refusal(reason=Reason.LIVE_OFF, sentence="Live trading is off on this server.")
