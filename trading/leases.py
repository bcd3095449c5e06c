"""Who does a thing alone: a row that one holder keeps, and another takes once it has run out."""

from datetime import datetime, timedelta

from markets.queries import rows

HELD = timedelta(seconds=5)

TAKE = """
INSERT INTO trading_lease (name, holder, until, seen_at)
VALUES (%(name)s, %(holder)s, %(until)s, %(now)s)
ON CONFLICT (name) DO UPDATE
   SET holder = excluded.holder, until = excluded.until, seen_at = excluded.seen_at
 WHERE trading_lease.holder = excluded.holder OR trading_lease.until <= %(now)s
RETURNING holder
"""


def take(name: str, *, holder: str, now: datetime, held: timedelta = HELD) -> bool:
    """Take, or keep, a lease; tells whether the holder has it now."""
    key = {"name": name, "holder": holder, "until": now + held, "now": now}
    return bool(rows(TAKE, key))


def give_back(name: str, *, holder: str, now: datetime) -> None:
    """Let somebody else take it at once."""
    sql = "UPDATE trading_lease SET until = %(now)s WHERE name = %(name)s AND holder = %(holder)s"
    rows(sql, {"name": name, "holder": holder, "now": now})


def seen_at(name: str) -> datetime | None:
    """Return when a lease's holder last did its work."""
    found = rows("SELECT seen_at FROM trading_lease WHERE name = %(name)s", {"name": name})
    return found[0]["seen_at"] if found else None
