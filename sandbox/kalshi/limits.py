"""Token buckets of a member: reads and writes, refilled by the second."""

from dataclasses import dataclass
from datetime import datetime

COST = 10
COSTS = {  # endpoints that do not cost the default
    ("DELETE", "/portfolio/events/orders/{order_id}"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
    ("GET", "/portfolio/orders/{order_id}"): 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What a usage tier allows, in tokens."""

    name: str
    read: int  # each second
    write: int
    read_capacity: int
    write_capacity: int


BASIC = Tier(name="basic", read=200, write=100, read_capacity=400, write_capacity=100)
PRIME = Tier(name="prime", read=4000, write=4000, read_capacity=4000, write_capacity=8000)


class Bucket:
    def __init__(self, *, rate: int, capacity: int) -> None:
        self._rate, self._capacity = rate, capacity
        self._tokens = float(capacity)
        self._at: datetime | None = None

    def take(self, tokens: int, *, now: datetime) -> bool:
        """Take tokens if all of them are there."""
        if self._at is not None:
            gained = max((now - self._at).total_seconds(), 0) * self._rate
            self._tokens = min(self._tokens + gained, self._capacity)
        self._at = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True


class Buckets:
    """Both buckets of every member."""

    def __init__(self, tier: Tier = BASIC) -> None:
        self.tier = tier
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, user_id: str, *, write: bool, tokens: int, now: datetime) -> bool:
        kind = "write" if write else "read"
        bucket = self._buckets.get((user_id, kind))
        if bucket is None:
            rate = self.tier.write if write else self.tier.read
            capacity = self.tier.write_capacity if write else self.tier.read_capacity
            bucket = self._buckets[user_id, kind] = Bucket(rate=rate, capacity=capacity)
        return bucket.take(tokens, now=now)
