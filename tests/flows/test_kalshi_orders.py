"""Real orders on Kalshi: which side and price they are, what they become, who pays."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from accounts import vault
from accounts.vault import Sealed
from notifications.models import Event
from risk.models import Purse, RiskState
from tests.kalshi_live import KalshiLive, kalshi_live
from tests.sandbox.kalshi_world import HOME, SHARD
from tests.venues.kalshi import NO, YES
from tests.world import assert_invariants
from trading.models import Fill, Position, Submission
from venues.types import OrderKind, Side

D = Decimal
CREATE, FILLS = "POST /portfolio/events/orders", "GET /portfolio/fills"
IOC = OrderKind.FAK
BOTH = pytest.mark.parametrize("dedup", ["burned", "open_only"])


@pytest.fixture
def now() -> datetime:
    """Return the real time: keys sign with it, and the exchange's reads are compared with it."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def live(transactional_db, now):
    with kalshi_live(now) as made:
        yield made


def test_an_order_is_filled_booked_and_paid_out_of_its_own_shard(live: KalshiLive):
    live.offer("0.53")

    order = live.place("0.55", "20")

    assert (order.state, order.filled_shares) == ("FILLED", 20)
    fill = Fill.objects.get()
    assert (fill.price, fill.fee, fill.settlement) == (D("0.53"), D("0.3488"), "CONFIRMED")
    position = Position.objects.get()
    assert (position.shares, position.confirmed_shares, position.cost) == (20, 20, D("10.9488"))
    shards = dict(Purse.objects.filter(account=live.account).values_list("shard", "cash"))
    assert shards == {0: 100, SHARD: 1000 - D("10.9488")}
    live.judge()
    assert_invariants()


def test_what_was_sent_is_what_was_kept_before(live: KalshiLive):
    order = live.place("0.55", "20", token=NO)

    kept = Submission.objects.get()
    body = vault.unseal(
        Sealed(box=bytes(kept.body), data_key=bytes(kept.credential.data_key)),
        bound_to=kept.credential.bound_to,
    )
    assert body["client_order_id"] == order.venue_order_id == str(order.pk)
    assert (body["side"], body["price"], body["count"]) == ("ask", "0.4500", "20.00")
    assert (body["exchange_index"], body["time_in_force"]) == (SHARD, "good_till_canceled")
    assert orjson.dumps(body)
    assert order.reference in live.member.orders


def test_yes_and_no_of_a_market_pay_a_dollar_when_they_meet(live: KalshiLive):
    live.offer("0.53", "20.00")
    live.place("0.55", "20")
    live.offer("0.60", "8.00", side="bid")

    live.place("0.41", "8", token=NO)  # as good as selling 8 YES at 60

    (left,) = Position.objects.filter(closed_at__isnull=True)
    assert (left.outcome.token, left.shares) == (YES, 12)
    no = Position.objects.get(outcome__token=NO)
    assert (no.shares, no.realised) == (0, 0)  # neither a win nor a loss
    assert RiskState.objects.get(account=live.account).consecutive_losses == 0
    assert RiskState.objects.get(account=live.account).realised == sum(
        Position.objects.values_list("realised", flat=True)
    )
    live.judge()
    assert_invariants()


def test_what_is_bought_beyond_the_pairs_is_held(live: KalshiLive):
    live.offer("0.53", "20.00")
    live.place("0.55", "20")
    live.offer("0.60", "30.00", side="bid")

    live.place("0.41", "30", token=NO)

    (left,) = Position.objects.filter(closed_at__isnull=True)
    assert (left.outcome.token, left.shares) == (NO, 10)
    live.judge()
    assert_invariants()


@pytest.mark.parametrize(("held", "sold"), [("12", "20"), ("0", "8")])
def test_selling_more_than_is_held_buys_the_other_side_and_is_told(live, held, sold):
    """The exchange turns a sale of what is not there into a purchase, and so do we."""
    live.offer("0.53", "20.00")
    if D(held):
        live.place("0.55", held)
    live.offer("0.50", "40.00", side="bid")

    order = live.place("0.50", sold, side=Side.SELL)

    assert order.state == "FILLED"
    (left,) = Position.objects.filter(closed_at__isnull=True)
    assert (left.outcome.token, left.shares) == (NO, D(sold) - D(held))
    assert Event.objects.filter(kind="books_differ").exists()
    live.judge()
    assert_invariants()


def test_a_sale_at_once_never_turns_around(live: KalshiLive):
    live.offer("0.50", "40.00", side="bid")

    order = live.place("0.50", "8", side=Side.SELL, kind=IOC)

    assert order.state == "REJECTED"
    assert not Fill.objects.exists()


def test_a_sale_of_no_is_a_bid_that_closes_it(live: KalshiLive):
    live.offer("0.60", "10.00", side="bid")
    live.place("0.41", "10", token=NO)
    live.offer("0.62", "50.00")

    order = live.place("0.37", "10", token=NO, side=Side.SELL)

    assert (order.state, Fill.objects.get(order=order).price) == ("FILLED", D("0.38"))
    assert not Position.objects.filter(closed_at__isnull=True).exists()
    assert live.member.positions[HOME].count == 0
    live.judge()
    assert_invariants()
