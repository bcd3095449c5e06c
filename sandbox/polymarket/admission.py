"""What an order must be before it may meet the book."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.polymarket.matching import Meeting, cost_of
from sandbox.polymarket.rows import Order, Refused

if TYPE_CHECKING:
    from sandbox.polymarket.exchange import Exchange

ONE = Decimal(1)


def check(exchange: "Exchange", order: Order, *, now: datetime) -> None:
    """Refuse an order that the exchange does not take. Raises Refused."""
    market = order.market
    if exchange.paused:
        raise Refused(
            "Trading is currently cancel-only. New orders are not accepted, but cancels are "
            "allowed.",
            status=503,
            field="error_msg",
        )
    if order.order_id in exchange.orders:
        raise Refused(f"order {order.order_id} is invalid. Duplicated.")
    if not market.accepting:
        raise Refused("the market is not yet ready to process new orders")
    if not market.tick <= order.price <= ONE - market.tick or order.price % market.tick:
        raise Refused(f"Price ({order.price}) breaks minimum tick size rule: {market.tick}")
    if order.shares < market.min_size and order.kind in ("GTC", "GTD"):
        raise Refused(f"Size ({order.shares}) lower than the minimum: {market.min_size}")
    if order.expires_at is not None and order.expires_at < now + timedelta(minutes=3):
        raise Refused("invalid expiration")
    check_funds(exchange, order)


def check_funds(exchange: "Exchange", order: Order) -> None:
    """Refuse an order that its wallet cannot pay for. Raises Refused."""
    wallet = order.wallet
    if order.buy:
        fee = order.market.taker_fee(price=order.price, shares=order.shares)
        short = order.reserve + fee > wallet.free_cash(exchange.held_cash(wallet))
    else:
        held = exchange.held_shares(wallet, order.token)
        short = order.remaining > wallet.free_shares(order.token, held)
    if short or not wallet.approved:
        raise Refused("not enough balance / allowance")


def check_cost(exchange: "Exchange", order: Order, meeting: Meeting) -> None:
    """Refuse what would cost more than its wallet has: a fee may be larger at a better price."""
    if not order.buy:
        return
    _, paid, fee = cost_of(order, meeting)
    if paid + fee > order.wallet.free_cash(exchange.held_cash(order.wallet)):
        raise Refused("not enough balance / allowance")
