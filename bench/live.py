"""From a pushed frame to signed and durable orders; and the signing alone. Nothing is sent.

The other side of both ratios is the straightforward way: a row at a time through the ORM in one
transaction for each account, and the official client as it is installed by default, which signs in
pure Python.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from eth_account import Account as Signer
from polymarket._internal.actions.orders.orders import create_unsigned_order
from polymarket._internal.actions.orders.typed_data import build_order_typed_data
from polymarket._internal.actions.orders.types import OrderDraft

from accounts import credentials, polymarket_keys
from accounts.models import Account, User
from bench.copying import FACTS, WHALE, account
from bench.result import Result, seconds
from markets.models import Market, Outcome
from risk.models import Reservation, RiskState
from trading import copying, sending
from trading.models import Decision, Order, OrderEvent, Submission
from venues.polymarket import eip712, signing
from venues.polymarket.auth import ApiKey, Keys, Wallet, address_of
from venues.polymarket.parse import data_api_trade
from venues.proof import Step
from venues.secrets import Secret
from venues.types import OrderRequest, Side, Terms
from whales import ingest
from whales.models import Signal, Whale, WhaleTrade

NATIVE = "eth_keys.backends.NativeECCBackend"
ACCOUNTS = 100
ROUNDS = 6
SIGNED = 200
TOKEN = "1" + "0" * 70 + "7"
TERMS = Terms(tick=Decimal("0.01"), min_shares=Decimal(5), neg_risk=False, protocol="v1")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def keys(number: int) -> Keys:
    secret = Secret(f"{number + 1:064x}")
    owner = address_of(secret)
    return Keys(
        wallet=Wallet(owner=owner, funder=owner, signature_type=0),
        private_key=secret,
        api=ApiKey(key=str(uuid4()), secret=Secret("c2VjcmV0"), passphrase=Secret("phrase")),
    )


def measure_signing(folder: str) -> Result:
    own = keys(1)
    signer = default_signer(own)
    request = OrderRequest(
        client_order_id="bench",
        token=TOKEN,
        side=Side.BUY,
        limit_price=Decimal("0.55"),
        shares=Decimal(100),
        sent_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        terms=TERMS,
    )
    ours, theirs = [], []
    for _ in range(SIGNED):
        ours.append(seconds(lambda: signing.signed_order(request, keys=own, terms=TERMS)))
        theirs.append(seconds(lambda: officially_signed(signer)))
    return Result(
        name="signing an order against the official client's default install",
        measured=median(theirs) / median(ours),
        promised=6,
        unit="times faster",
    )


def default_signer(own: Keys) -> Any:
    """Return a key as the official client holds it."""
    return Signer.from_key("0x" + own.private_key.reveal())


@contextmanager
def default_install() -> Iterator[None]:
    """Let the official client sign as it does where nobody installed coincurve beside it."""
    os.environ["ECC_BACKEND_CLASS"] = NATIVE
    try:
        yield
    finally:
        del os.environ["ECC_BACKEND_CLASS"]


def officially_signed(signer: Any) -> str:
    """Sign one order as the official client does, from its draft to the signature."""
    draft = OrderDraft(
        chain_id=eip712.CHAIN,
        exchange_address=eip712.STANDARD,
        expiration=0,
        funder_address=signer.address,
        offered_amount=55_000_000,
        order_type="GTC",
        side="BUY",
        signer=signer.address,
        requested_amount=100_000_000,
        asset_id=TOKEN,
        builder_code=None,
    )
    order = create_unsigned_order(draft, wallet=signer.address, wallet_type="EOA")
    with default_install():
        signed = signer.sign_typed_data(full_message=build_order_typed_data(order))
    made: str = signed.signature.hex()
    return made


def measure_event(folder: str) -> Result:
    owner = User.objects.create(username="bench")
    accounts = [_real_account(owner, number) for number in range(ACCOUNTS)]
    signers = [default_signer(keys(number)) for number in range(ACCOUNTS)]
    ours, theirs = [], []
    with override_settings(LIVE_TRADING=True):
        for number in range(ROUNDS):
            if number == 1:
                with connection.cursor() as cursor:
                    cursor.execute("ANALYZE")
            ours.append(seconds(lambda n=number: _ours(_frame(2 * n))))
            theirs.append(seconds(lambda n=number: _by_orm(_frame(2 * n + 1), accounts, signers)))
    assert Submission.objects.count() == ROUNDS * ACCOUNTS
    return Result(
        name=(
            f"event bytes to {ACCOUNTS} accounts' signed, durable orders against ORM transactions "
            "and the official client's default install"
        ),
        measured=median(theirs) / median(ours),
        promised=5,
        unit="times faster",
    )


def _real_account(owner: User, number: int) -> Account:
    made = account(owner, f"real-{number}", WHALE, mode=Account.Mode.LIVE)
    credential = polymarket_keys.store(account=made, keys=keys(number), now=NOW)
    steps = [Step(name=name, ok=True, says="") for name in credentials.NEEDED["polymarket"]]
    credentials.record_proof(credential, steps, now=NOW)
    return made


def _frame(number: int) -> bytes:
    """Return a trade as it is pushed, of a market of its own."""
    at = timezone.now() - timedelta(seconds=2)
    payload = {
        "proxyWallet": WHALE,
        "side": "BUY",
        "asset": f"{TOKEN}{number}",
        "conditionId": f"0x{number:064x}",
        "size": 1000,
        "price": 0.53,
        "timestamp": at.timestamp(),
        "title": f"market {number}",
        "outcome": "Yes",
        "outcomeIndex": 0,
        "transactionHash": f"0x{number:064x}",
    }
    market, _ = Market.objects.get_or_create(
        venue="polymarket",
        external_id=payload["conditionId"],
        defaults={
            "title": f"market {number}",
            "tick": TERMS.tick,
            "min_shares": TERMS.min_shares,
            "neg_risk": False,
            "protocol": "v1",
        },
    )
    Outcome.objects.get_or_create(market=market, token=payload["asset"], name="Yes")
    return json.dumps({"topic": "activity", "payload": payload}).encode()


def _ours(frame: bytes) -> None:
    now = timezone.now()
    ingest.store_trades([data_api_trade(json.loads(frame)["payload"])])
    found = ingest.close_signals(now=now, window=timedelta(0), facts=lambda *_: FACTS)
    for each in found:
        made = copying.copy_signal(signal_id=each.pk, now=now)
        going = sending._prepare_and_claim(made, now=now)
        assert len(going) == ACCOUNTS


def _by_orm(frame: bytes, accounts: list[Account], signers: list[Any]) -> None:
    """Do the same a row at a time: no batch, no set, one transaction for each account."""
    now = timezone.now()
    trade = data_api_trade(json.loads(frame)["payload"])
    whale, _ = Whale.objects.get_or_create(address=trade.wallet)
    outcome = Outcome.objects.select_related("market").get(token=trade.token)
    made = Signal.objects.create(
        whale=whale,
        outcome=outcome,
        side=trade.side.value,
        source=trade.transaction,
        shares=trade.shares,
        price=trade.price,
        fills=1,
        at=trade.at,
        due_at=now,
        state="DECIDED",
    )
    WhaleTrade.objects.create(
        whale=whale,
        outcome=outcome,
        transaction=trade.transaction,
        counter=trade.counter,
        side=trade.side.value,
        price=trade.price,
        shares=trade.shares,
        at=trade.at,
        signal=made,
    )
    for each, signer in zip(accounts, signers, strict=True):
        with transaction.atomic():
            _one_by_orm(each, made, signer, now=now)


def _one_by_orm(each: Account, made: Signal, signer: Any, *, now: datetime) -> None:
    state = RiskState.objects.select_for_update().get(account=each)
    decision = Decision.objects.create(
        account=each,
        source=made.source,
        signal=made,
        whale_id=made.whale_id,
        outcome_id=made.outcome_id,
        side="BUY",
        accepted=True,
        reason="COPIED",
        sentence="copied",
        size=Decimal(100),
        mode="LIVE",
        at=now,
    )
    order = Order.objects.create(
        decision=decision,
        account=each,
        whale_id=made.whale_id,
        outcome_id=made.outcome_id,
        side="BUY",
        state="RESERVED",
        mode="LIVE",
        limit_price=Decimal("0.55"),
        shares=Decimal(100),
        worst_cost=Decimal("56.24"),
        fee_rate=Decimal("0.05"),
        venue="polymarket",
        created_at=now,
        send_by=now + timedelta(seconds=30),
        expires_at=now + timedelta(hours=1),
    )
    Reservation.objects.create(
        order_id=order.pk,
        account=each,
        outcome_id=made.outcome_id,
        amount=order.worst_cost,
        at=now,
    )
    state.reserved += order.worst_cost
    state.save()
    order.venue_order_id = officially_signed(signer)[:66]
    for step, new in enumerate(("PREPARED", "SENDING"), start=1):
        old, order.state = order.state, new
        order.save()
        OrderEvent.objects.create(order=order, sequence=step, old=old, new=new, at=now)
