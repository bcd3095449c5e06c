"""How often Kalshi may be asked: token buckets of each account (kalshi.md section 6).

Reads and writes have a bucket each, writes that are sent to a shard from 1 on one of that shard.
What a tier has, and what a call costs, the exchange tells: `/account/limits`, `endpoint_costs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from venues.buckets import Bucket
from venues.reading import BadMessage, clean, number

ROOT = "/trade-api/v2"
COST = 10  # tokens of a call that is not in the table
SHARE = 0.9  # of what a tier has that we use
CANCEL = "DELETE /portfolio/events/orders/{}"
ORDER = "GET /portfolio/orders/{}"
BALANCE = "GET /portfolio/balance"
COSTS = {CANCEL: 2, ORDER: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What an account may ask for; tokens a second and at most."""

    name: str = "basic"
    read: tuple[float, float] = (200, 400)
    write: tuple[float, float] = (100, 100)
    costs: Mapping[str, int] = field(default_factory=lambda: dict(COSTS))

    def bucket(self, call: str, *, shard: int = 0) -> tuple[Bucket, int]:
        """Return the bucket of a call and its cost, in tokens."""
        cost = self.costs.get(call, COST)
        if call == BALANCE:  # one call a second, of its own
            return Bucket(name="balance", rate=1 * SHARE, capacity=1), 1
        if call.startswith("GET "):
            return _of("read", self.read), cost
        return _of(f"write {shard}" if shard else "write", self.write), cost

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it as JSON."""
        return {
            "name": self.name,
            "read": list(self.read),
            "write": list(self.write),
            "costs": dict(self.costs),
        }

    @classmethod
    def from_stored(cls, row: Mapping[str, Any]) -> "Tier":
        if not row:
            return cls()
        return cls(
            name=row["name"],
            read=tuple(row["read"]),
            write=tuple(row["write"]),
            costs={**COSTS, **row["costs"]},
        )


def _of(name: str, limit: tuple[float, float]) -> Bucket:
    rate, capacity = limit
    return Bucket(name=name, rate=rate * SHARE, capacity=max(capacity * SHARE, COST))


def tier(limits: Mapping[str, Any], costs: Mapping[str, Any]) -> Tier:
    """Parse what the exchange tells of an account. Raises BadMessage."""
    return Tier(
        name=clean(limits.get("usage_tier"), most=40) or "basic",
        read=_limit(limits, "read"),
        write=_limit(limits, "write"),
        costs={**COSTS, **_costs(costs)},
    )


def _limit(row: Mapping[str, Any], name: str) -> tuple[float, float]:
    found = row.get(name)
    if not isinstance(found, Mapping):
        raise BadMessage(f"the limit of {name}s is missing")
    rate = float(number(found.get("refill_rate"), "refill_rate"))
    capacity = float(number(found.get("bucket_capacity"), "bucket_capacity"))
    if rate <= 0 or capacity <= 0:
        raise BadMessage(f"{name}s have {rate} tokens a second and {capacity} at most")
    return rate, capacity


def _costs(row: Mapping[str, Any]) -> dict[str, int]:
    """Return costs by call; a part of a path that changes is `{}`."""
    found = {}
    for each in row.get("endpoint_costs") or ():
        parts = str(each.get("path", "")).removeprefix(ROOT).split("/")
        path = "/".join("{}" if part.startswith((":", "*")) else part for part in parts)
        found[f"{each.get('method')} {path}"] = int(number(each.get("cost"), "cost"))
    return found
