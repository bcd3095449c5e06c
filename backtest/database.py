"""How the database works for a replay, which fills empty tables faster than autovacuum looks."""

from dataclasses import dataclass

from markets.queries import rows

FIRST_LOOK = 500  # rows of the tape; then at each doubling


@dataclass(slots=True)
class Database:
    """The database session of one replay."""

    next_look: int = FIRST_LOOK

    def prepare(self) -> None:
        """Set the session up for many small and similar statements.

        A crash of the server may lose the last moments, but never part of one: the replay goes on
        from the position that was kept. So waiting for the disk at each step buys nothing. Nor
        does planning the same statement for each new list of accounts.
        """
        rows("SET synchronous_commit TO off", {})
        rows("SET plan_cache_mode TO force_generic_plan", {})

    def grown(self, *, position: int) -> None:
        """Plan anew when the tape has doubled: plans for empty tables read full ones whole."""
        if position >= self.next_look:
            rows("ANALYZE", {})
            self.next_look = max(2 * position, FIRST_LOOK)
