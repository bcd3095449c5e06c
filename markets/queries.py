"""Reads over markets that others build on."""

from markets.domain.book import FRESH_BID

# `markets.domain.book.mark` in SQL, for sums over many positions; a test compares the two.
# Needs the alias `o` for the outcome and the parameter `now`.
MARK_SQL = f"""
CASE WHEN o.bid IS NOT NULL AND o.bid_at >= %(now)s - interval '{FRESH_BID.total_seconds()} seconds'
     THEN o.bid ELSE o.last_price END
"""
