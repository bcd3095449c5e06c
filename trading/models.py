"""Decisions, orders, fills, positions and the double-entry ledger."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from markets.models import PRICE
from risk.domain.reasons import Reason
from trading.domain.ledger import Book, EntryKind
from trading.domain.order_state import HOLDING, WORKING, OrderState
from venues.types import OrderKind, Settlement, Side
from whales.models import SHARES

MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
# Of tables that grow with every decision: an index of its own would only cost, because another
# index begins with the column or nothing looks rows up by it ...
UNINDEXED: dict[str, Any] = {"db_index": False}
# ... and what a referenced row already proves is not checked twice.
REPEATED: dict[str, Any] = {"db_index": False, "db_constraint": False}
SIDES = [(side.value, side.value) for side in Side]


class Decision(models.Model):
    """Why one account did, or did not, act on one event. Never recomputed, never edited."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="decisions", **UNINDEXED
    )
    source = models.CharField(max_length=100, help_text="the event that was decided on")
    # The whale repeats the signal's; one composite foreign key proves both.
    signal = models.ForeignKey(
        "whales.Signal", null=True, on_delete=models.PROTECT, related_name="decisions", **REPEATED
    )
    whale = models.ForeignKey(
        "whales.Whale", null=True, on_delete=models.PROTECT, related_name="decisions", **REPEATED
    )
    outcome = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="decisions", **UNINDEXED
    )
    side = models.CharField(max_length=4, choices=SIDES)
    accepted = models.BooleanField()
    reason = models.CharField(max_length=24, choices=[(r.value, r.value) for r in Reason])
    sentence = models.TextField()
    arithmetic = models.TextField(default="", blank=True)
    size = models.DecimalField(default=0, **MONEY)
    confidence = models.FloatField(null=True, blank=True)
    inputs = models.JSONField(default=dict)
    factors = models.JSONField(default=dict)
    assumed = models.BooleanField(default=False)
    mode = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "source"], name="decision_once_per_account_and_event"
            )
        ]
        indexes = [
            models.Index(fields=["account", "-at"], name="decision_by_account"),
            # Read before each entry: what was copied lately, and how often today.
            models.Index(
                fields=["account", "at"],
                condition=Q(accepted=True, side="BUY"),
                name="decision_copied",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.side} {self.at:%Y-%m-%d %H:%M}"


class OrderQuerySet(models.QuerySet["Order"]):
    def working(self) -> "OrderQuerySet":
        return self.filter(state__in=[state.value for state in WORKING])

    def holding(self) -> "OrderQuerySet":
        return self.filter(state__in=[state.value for state in HOLDING])

    def unsent(self) -> "OrderQuerySet":
        return self.filter(state__in=["RESERVED", "PREPARED"])


class Order(models.Model):
    """One intent to trade. `trading.orders` is its only writer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Account and outcome repeat the decision's, which one composite foreign key proves. The whale
    # repeats it too: the statement that writes both takes it from one place.
    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, related_name="order", db_constraint=False
    )
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="orders", **REPEATED
    )
    whale = models.ForeignKey(
        "whales.Whale", null=True, on_delete=models.PROTECT, related_name="orders", **REPEATED
    )
    outcome = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="orders", **REPEATED
    )
    side = models.CharField(max_length=4, choices=SIDES)
    state = models.CharField(max_length=17, choices=[(s.value, s.value) for s in OrderState])
    mode = models.CharField(max_length=8, help_text="the mode it was born in, kept for ever")
    limit_price = models.DecimalField(help_text="USD per share", **PRICE)
    shares = models.DecimalField(**SHARES)
    worst_cost = models.DecimalField(**MONEY, help_text="limit x shares + worst fee, USD")
    fee_rate = models.DecimalField(max_digits=8, decimal_places=6)
    filled_shares = models.DecimalField(default=0, **SHARES)
    filled_cost = models.DecimalField(default=0, **MONEY, help_text="USD without fees")
    fees = models.DecimalField(default=0, **MONEY)
    venue = models.CharField(max_length=20)
    kind = models.CharField(
        max_length=3, db_default="GTD", choices=[(k.value, k.value) for k in OrderKind]
    )
    venue_order_id = models.CharField(max_length=120, default="", blank=True)
    claimed_shares = models.DecimalField(
        db_default=0, **SHARES, help_text="matched by the venue's own words; its trades may lag"
    )
    reason = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    send_by = models.DateTimeField(help_text="not sent after this")
    expires_at = models.DateTimeField(help_text="of the approval first, of the resting order then")

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(limit_price__gt=0, limit_price__lt=1),
                name="order_limit_between_0_and_1",
            ),
            models.CheckConstraint(
                # What a real venue says is booked, and told, whatever was ordered.
                condition=Q(filled_shares__gte=0)
                & (Q(filled_shares__lte=models.F("shares")) | ~Q(mode="PAPER")),
                name="order_fill_within_size",
            ),
            models.CheckConstraint(condition=Q(shares__gt=0), name="order_has_shares"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in OrderState]), name="order_state_is_known"
            ),
        ]
        indexes = [
            # Read on every print and by the sweep: the few orders that are not over.
            models.Index(
                fields=["outcome"],
                condition=Q(state__in=sorted(s.value for s in HOLDING)),
                name="order_not_over",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state="AWAITING_APPROVAL"),
                name="order_awaiting_approval",
            ),
            models.Index(fields=["account", "-created_at"], name="order_by_account"),
            models.Index(fields=["account", "outcome", "whale"], name="order_bought_from"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.shares} up to {self.limit_price} ({self.state})"


class OrderEvent(models.Model):
    """One step of an order's life, with its evidence. Append-only."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events", **UNINDEXED)
    sequence = models.PositiveIntegerField()
    old = models.CharField(max_length=17, default="", blank=True)
    new = models.CharField(max_length=17)
    sentence = models.TextField(default="", blank=True)
    evidence = models.JSONField(default=dict)
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "sequence"], name="order_event_sequence_once")
        ]

    def __str__(self) -> str:
        return f"{self.old} > {self.new}"


class Submission(models.Model):
    """What was signed for an order, kept before anything was sent. The bytes are sealed."""

    order = models.OneToOneField(
        Order, primary_key=True, on_delete=models.PROTECT, related_name="submission"
    )
    credential = models.ForeignKey(
        "accounts.VenueCredential", on_delete=models.PROTECT, related_name="submissions"
    )
    body = models.BinaryField(help_text="the exact bytes, sealed under the credential's key")
    body_sha256 = models.CharField(max_length=64)
    not_after = models.DateTimeField(help_text="nothing is sent later")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.order_id} until {self.not_after:%H:%M:%S}"


class Absence(models.Model):
    """A whole look at a venue that found no trace of an order. Several of them are evidence."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="absences")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "at"], name="absence_once_per_moment")
        ]

    def __str__(self) -> str:
        return f"{self.order_id} was not there at {self.at:%H:%M:%S}"


class Approval(models.Model):
    """A person's answer to an order that asked for one."""

    class Answer(models.TextChoices):
        APPROVED = "APPROVED"
        DECLINED = "DECLINED"

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="approval")
    answer = models.CharField(max_length=8, choices=Answer.choices)
    by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="approvals")
    note = models.TextField(default="", blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.answer} by {self.by_id}"


class Fill(models.Model):
    """A match of an order. Paper fills are confirmed at birth."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="fills", **UNINDEXED
    )
    venue = models.CharField(max_length=20)
    venue_fill_id = models.CharField(max_length=200)
    print_id = models.CharField(max_length=100, default="", blank=True)
    price = models.DecimalField(**PRICE)
    shares = models.DecimalField(**SHARES)
    fee = models.DecimalField(**MONEY)
    settlement = models.CharField(
        max_length=9,
        choices=[(s.value, s.value) for s in Settlement],
        default=Settlement.CONFIRMED.value,
    )
    transaction = models.CharField(max_length=80, default="", blank=True)
    uncovered = models.DecimalField(
        db_default=0, **SHARES, help_text="sold beyond what the books held"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "account", "venue_fill_id"], name="fill_recorded_once"
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0, price__lt=1), name="fill_price_between_0_and_1"
            ),
            models.CheckConstraint(condition=Q(shares__gt=0), name="fill_has_shares"),
        ]
        indexes = [
            models.Index(fields=["account", "at"], name="fill_by_account"),
            models.Index(fields=["account", "print_id"], name="fill_by_print"),
            # Read by the sweep: matches that are not money yet.
            models.Index(
                fields=["order"],
                condition=Q(settlement__in=["MATCHED", "MINED", "RETRYING"]),
                name="fill_provisional",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shares} at {self.price}"


class Position(models.Model):
    """Shares of one outcome that one account holds, at average cost."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="positions", **UNINDEXED
    )
    outcome = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="positions"
    )
    shares = models.DecimalField(**SHARES, help_text="confirmed and provisional")
    confirmed_shares = models.DecimalField(**SHARES)
    cost = models.DecimalField(**MONEY, help_text="of the shares held, fees included")
    bought_cost = models.DecimalField(**MONEY, help_text="of all shares ever bought")
    realised = models.DecimalField(default=0, **MONEY)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "outcome"],
                condition=Q(closed_at__isnull=True),
                name="position_open_once_per_outcome",
            ),
            models.CheckConstraint(
                condition=Q(
                    shares__gte=0,
                    cost__gte=0,
                    confirmed_shares__gte=0,
                    confirmed_shares__lte=models.F("shares"),
                ),
                name="position_never_short",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(shares=0, cost=0),
                name="position_closed_is_empty",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account"], condition=Q(closed_at__isnull=True), name="position_open"
            ),
            models.Index(fields=["account", "-closed_at"], name="position_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.shares} of {self.outcome_id}"


class Redemption(models.Model):
    """What an account won at a venue and has not turned into money yet: a row of a queue."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="redemptions"
    )
    market = models.ForeignKey(
        "markets.Market", on_delete=models.PROTECT, related_name="redemptions"
    )
    expected = models.DecimalField(**MONEY, help_text="USD that it will bring")
    attempts = models.PositiveIntegerField(default=0, help_text="that failed")
    problem = models.CharField(max_length=500, default="", blank=True)
    transaction = models.CharField(max_length=80, default="", blank=True)
    at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(help_text="not tried before")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "market"],
                condition=Q(done_at__isnull=True),
                name="redemption_waits_once_per_market",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(done_at__isnull=True), name="redemption_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.expected} of {self.market_id}"


class Entry(models.Model):
    """One change of money; its postings sum to zero, which a deferred trigger enforces."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="entries", **UNINDEXED
    )
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in EntryKind])
    source = models.CharField(max_length=240, help_text="the fill, settlement or deposit")
    position = models.ForeignKey(
        Position, null=True, on_delete=models.PROTECT, related_name="entries"
    )
    fill = models.OneToOneField(Fill, null=True, on_delete=models.PROTECT, related_name="entry")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["account", "source"], name="entry_booked_once")
        ]
        indexes = [models.Index(fields=["account", "-at"], name="entry_by_account")]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


class Posting(models.Model):
    """One line of an entry. Never updated; a mistake is reversed by a new entry."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings", **UNINDEXED)
    book = models.CharField(max_length=9, choices=[(b.value, b.value) for b in Book])
    amount = models.DecimalField(**MONEY)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "book"], name="posting_once_per_book")
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.amount}"


class EquityPoint(models.Model):
    """Equity at mark at a moment that mattered; the line of the chart."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="equity_points", **UNINDEXED
    )
    at = models.DateTimeField()
    equity = models.DecimalField(**MONEY)
    cash = models.DecimalField(**MONEY)
    high_water = models.DecimalField(**MONEY)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "at"], name="equity_point_once_per_moment")
        ]

    def __str__(self) -> str:
        return f"{self.equity} at {self.at}"
