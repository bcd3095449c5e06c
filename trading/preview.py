"""What other settings of a follow would have made of its whale's latest trades.

FLOW 1's own decision, on the account as it stands now: each trade alone, at the prices that were
known then, without stops, breakers or what was copied just before. Reads only, with as many
queries for many trades as for one.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from markets.queries import rows
from risk.domain import breakers
from risk.models import RiskProfile, RiskState
from trading import exposure
from trading.domain.entries import decide_entries
from trading.domain.situation import Answer, Chance, Situation, WhaleFigures
from trading.models import Position
from trading.portfolio import CHANCES, assumed_figures, chance_of, figures_of
from venues.money import ZERO, ceil_cents, floor_cents
from whales.models import Follow, WhaleScore

DAYS, MOST = 30, 200
PAYOUTS = "SELECT id, payout, last_price FROM markets_outcome WHERE id = ANY(%(outcomes)s)"
LATEST = """
SELECT id FROM whales_signal
 WHERE whale_id = %(whale)s AND side = 'BUY' AND at >= %(since)s ORDER BY at DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The whale's purchases of 30 days, the latest 200 at most, decided once more."""

    copied: int
    skipped: int
    spent: Decimal  # USD, at the ask of that moment, fees included
    settled: int
    result: Decimal  # USD of those that are settled
    reasons: tuple[tuple[str, int], ...]  # why not, the most frequent first

    @property
    def total(self) -> int:
        return self.copied + self.skipped


def preview(follow: Follow, overrides: Mapping[str, Any], *, now: datetime) -> Preview:
    """Decide the whale's latest purchases again, with other overrides of a follow."""
    chances = _chances(follow.whale_id, now=now)
    base = _as_it_stands(follow, overrides, now=now)
    known = _figures(follow)
    answers = [_decide(chance, base, known) for chance in chances]
    paid = {
        row["id"]: row
        for row in rows(PAYOUTS, {"outcomes": [chance.outcome_id for chance in chances]})
    }
    bought = [
        (chance, answer, paid[chance.outcome_id]["payout"])
        for chance, answer in zip(chances, answers, strict=True)
        if answer.intent is not None
    ]
    skipped = Counter(answer.reason.value for answer in answers if answer.intent is None)
    costs = [_cost(chance, answer) for chance, answer, _ in bought]
    return Preview(
        copied=len(bought),
        skipped=len(answers) - len(bought),
        spent=sum(costs, ZERO),
        settled=sum(payout is not None for _, _, payout in bought),
        result=sum(
            (
                floor_cents(answer.intent.shares * payout) - cost
                for (_, answer, payout), cost in zip(bought, costs, strict=True)
                if payout is not None and answer.intent is not None
            ),
            ZERO,
        ),
        reasons=tuple(skipped.most_common()),
    )


def _chances(whale_id: int, *, now: datetime) -> list[Chance]:
    """Return the whale's latest purchases as they were known when they were due, as if open."""
    asked = {"whale": whale_id, "since": now - timedelta(days=DAYS), "most": MOST}
    ids = [row["id"] for row in rows(LATEST, asked)]
    found = [chance_of(row, now=row["due_at"]) for row in rows(CHANCES, {"signals": ids})]
    return [replace(chance, market_open=True) for chance in found]


def _as_it_stands(follow: Follow, overrides: Mapping[str, Any], *, now: datetime) -> Situation:
    profile = RiskProfile.objects.get(account_id=follow.account_id)
    state = RiskState.objects.get(account_id=follow.account_id)
    limits = profile.limits()
    if overrides.get("max_price_drift") is not None:
        limits = replace(limits, max_price_drift=overrides["max_price_drift"])
    if overrides.get("min_whale_quality") is not None:
        limits = replace(limits, min_whale_quality=overrides["min_whale_quality"])
    worth = exposure.worth_of([follow.account_id], now=now).get(follow.account_id, ZERO)
    equity = state.cash + worth
    calm = breakers.Window(start=now, equity_at_start=equity, realised=ZERO)
    return Situation(
        account_id=follow.account_id,
        limits=limits,
        stopped="",
        stopped_all="",
        mode_refusal=None,
        follow_paused=False,
        copy_exits=True,
        categories=tuple(overrides.get("categories") or ()),
        size_factor=overrides.get("size_factor") or Decimal(1),
        max_trade=overrides.get("max_trade"),
        figures=None,
        seconds_since_copy=None,
        copies_today=0,
        open_trips=(),
        cash=state.cash,
        reserved=state.reserved,
        equity=equity,
        high_water=max(state.high_water, equity),
        positions=Position.objects.filter(account_id=follow.account_id, closed_at=None).count(),
        exposure=state.committed + state.reserved,
        market_exposure=ZERO,
        category_exposure=ZERO,
        losses=breakers.Losses(day=calm, hour=calm, equity=equity, streak=0),
    )


def _figures(follow: Follow) -> Sequence[tuple[datetime, WhaleFigures]]:
    """Return what was known of the whale from when on, or what the follow assumes of it."""
    assumed = assumed_figures(json.dumps(follow.assumed))
    if assumed is not None:
        return [(datetime.min.replace(tzinfo=follow.since.tzinfo), assumed)]
    scores = WhaleScore.objects.filter(whale_id=follow.whale_id).order_by("as_of")
    return [(score.as_of, figures_of(score)) for score in scores]


def _decide(
    chance: Chance, base: Situation, known: Sequence[tuple[datetime, WhaleFigures]]
) -> Answer:
    place = bisect_right([at for at, _ in known], chance.at)
    figures = known[place - 1][1] if place else None
    return decide_entries(chance, [replace(base, figures=figures)], now=chance.at)[0]


def _cost(chance: Chance, answer: Answer) -> Decimal:
    assert answer.intent is not None
    assert chance.ask is not None
    fee = chance.fee_rate * chance.ask * (1 - chance.ask)
    return ceil_cents(answer.intent.shares * (chance.ask + fee))


EARNED = """
SELECT coalesce(sum(t.result), 0) AS result, count(*) AS outcomes
  FROM (SELECT sum(CASE w.side WHEN 'BUY' THEN -w.filled_cost - w.fees
                               ELSE w.filled_cost - w.fees END)
               + o.payout * sum(CASE w.side WHEN 'BUY' THEN w.filled_shares
                                            ELSE -w.filled_shares END) AS result
          FROM trading_order w JOIN markets_outcome o ON o.id = w.outcome_id
         WHERE w.account_id = %(account)s AND w.whale_id = %(whale)s AND w.filled_shares > 0
           AND o.payout IS NOT NULL
         GROUP BY w.outcome_id, o.payout) t
"""


def earned_by_copying(*, account_id: UUID, whale_id: int) -> tuple[Decimal, int]:
    """Return what an account's copies of a whale brought where the market has paid, in USD after
    fees, and of how many outcomes.
    """
    row = rows(EARNED, {"account": account_id, "whale": whale_id})[0]
    return row["result"], row["outcomes"]
