"""What wallets hold and held: bought for what, sold for what, won or lost. Both API versions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.ranking import worth

ZERO, HUNDRED = Decimal(0), Decimal(100)
DUST = Decimal("0.1")  # positions under this many shares are not shown

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Holding:
    """One token of one wallet, over all its time."""

    market: Market
    token: str
    bought: Decimal = ZERO  # shares
    paid: Decimal = ZERO  # USD without fees
    sold: Decimal = ZERO
    got: Decimal = ZERO
    fees: Decimal = ZERO
    first_at: datetime | None = None
    last_at: datetime | None = None
    held: Decimal = ZERO  # shares on chain now

    @property
    def average(self) -> Decimal:
        return self.paid / self.bought if self.bought else ZERO

    @property
    def price(self) -> Decimal:
        return worth(self.market, self.token)

    @property
    def gone(self) -> Decimal:
        """Return the shares that were sold, or redeemed."""
        return max(self.bought - self.held, ZERO)

    @property
    def realised(self) -> Decimal:
        """Return what came of the shares that are gone, USD, fees left out."""
        redeemed = max(self.gone - self.sold, ZERO) * self.price
        return self.got + redeemed - self.gone * self.average

    @property
    def unrealised(self) -> Decimal:
        return self.held * (self.price - self.average)

    @property
    def is_open(self) -> bool:
        return self.held >= DUST


def holdings(exchange: Exchange, address: str) -> list[Holding]:
    """Return every token that a wallet traded or holds, by its first trade."""
    found: dict[str, Holding] = {}
    for trade in exchange.trades:
        for leg in (trade.taker, *trade.makers):
            if leg.order.wallet.address != address or trade.mined_at is None:
                continue
            token = leg.order.token
            each = found.setdefault(token, Holding(market=trade.market, token=token))
            each.first_at, each.last_at = each.first_at or trade.at, trade.at
            each.fees += leg.fee
            if leg.order.buy:
                each.bought += leg.shares
                each.paid += leg.shares * leg.price
            else:
                each.sold += leg.shares
                each.got += leg.shares * leg.price
    wallet = exchange.wallets.get(address)
    for token, shares in (wallet.shares if wallet else {}).items():
        market = exchange.by_token[token]
        found.setdefault(token, Holding(market=market, token=token)).held = shares
    return list(found.values())


def row(each: Holding, *, name: str) -> Row:
    """Return a position as `/v2/positions` has it."""
    market, index = each.market, each.market.index(each.token)
    cost = each.held * each.average
    total = each.realised + each.unrealised
    status = "CLOSED" if not each.is_open else "OPEN"
    if each.is_open and market.payout is not None:
        status = "REDEEMABLE" if each.price else "REDEEMABLE_LOST"
    return {
        "proxy_wallet": "",
        "token_id": each.token,
        "condition_id": market.condition,
        "current_size": float(each.held),
        "avg_price": float(each.average),
        "entry_cost_usdc": float(cost),
        "entry_fees_usdc": float(each.fees),
        "total_cost_usdc": float(each.paid),
        "current_price": float(each.price),
        "current_value": float(each.held * each.price),
        "total_size": float(each.bought),
        "realized_pnl": float(each.realised),
        "unrealized_pnl": float(each.unrealised),
        "total_pnl": float(total),
        "percent_pnl": _percent(total, each.paid),
        "percent_realized_pnl": _percent(each.realised, each.paid),
        "status": status,
        "redeemable": market.payout is not None and each.is_open,
        "mergeable": False,
        "negative_risk": market.neg_risk,
        "archived": False,
        "title": market.question,
        "slug": market.slug,
        "icon": "",
        "event_id": market.slug,
        "event_slug": market.slug,
        "outcome": market.outcomes[index],
        "outcome_index": index,
        "opposite_outcome": market.outcomes[1 - index],
        "opposite_token_id": market.tokens[1 - index],
        "end_date": f"{market.ends_at:%Y-%m-%d}" if market.ends_at else "",
        "first_entry_at": _seconds(each.first_at),
        "last_event_at": _seconds(each.last_at),
        "name": name,
        "profile_image": "",
        "verified": False,
    }


def old_row(each: Holding, address: str) -> Row:
    """Return a position as the retired `/positions` had it."""
    new = row(each, name="")
    same = ("title", "slug", "icon", "outcome", "redeemable", "mergeable")
    return {name: new[name] for name in same} | {
        "proxyWallet": address,
        "asset": each.token,
        "conditionId": new["condition_id"],
        "size": new["current_size"],
        "avgPrice": new["avg_price"],
        "initialValue": new["entry_cost_usdc"],
        "currentValue": new["current_value"],
        "cashPnl": new["unrealized_pnl"],
        "percentPnl": _percent(each.unrealised, each.held * each.average),
        "totalBought": new["total_size"],
        "realizedPnl": new["realized_pnl"],
        "percentRealizedPnl": new["percent_realized_pnl"],
        "curPrice": new["current_price"],
        "eventId": new["event_id"],
        "eventSlug": new["event_slug"],
        "outcomeIndex": new["outcome_index"],
        "oppositeOutcome": new["opposite_outcome"],
        "oppositeAsset": new["opposite_token_id"],
        "endDate": new["end_date"],
        "negativeRisk": new["negative_risk"],
    }


def _percent(part: Decimal, whole: Decimal) -> float:
    return float(HUNDRED * part / whole) if whole else 0.0


def _seconds(at: datetime | None) -> int:
    return int(at.timestamp()) if at else 0
