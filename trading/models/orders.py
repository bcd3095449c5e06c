"""Orders, the steps they took, what was sent for them, and what people said of them."""

import uuid

from django.db import models
from django.db.models import Q

from markets.models import PRICE
from trading.domain.order_state import HOLDING, WORKING, OrderState
from trading.domain.pair_state import Role
from trading.models.fields import MONEY, REPEATED, SIDES, UNINDEXED
from venues.types import OrderKind
from whales.models import SHARES


class OrderQuerySet(models.QuerySet["Order"]):
    def working(self) -> "OrderQuerySet":
        return self.filter(state__in=[state.value for state in WORKING])

    def holding(self) -> "OrderQuerySet":
        return self.filter(state__in=[state.value for state in HOLDING])

    def unsent(self) -> "OrderQuerySet":
        return self.filter(state__in=["RESERVED", "PREPARED"], waits=False)


class Order(models.Model):
    """One intent to trade. `trading.orders` is its only writer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Account and outcome repeat the decision's, which one composite foreign key proves. The whale
    # repeats it too: the statement that writes both takes it from one place.
    decision = models.OneToOneField(
        "trading.Decision", on_delete=models.PROTECT, related_name="order", db_constraint=False
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
    reference = models.CharField(
        max_length=100, db_default="", blank=True, help_text="the venue's own name of it, once told"
    )
    venue_order_id = models.CharField(max_length=120, default="", blank=True)
    claimed_shares = models.DecimalField(
        db_default=0, **SHARES, help_text="matched by the venue's own words; its trades may lag"
    )
    pair_trade = models.ForeignKey(
        "trading.PairTrade",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
    )
    role = models.CharField(
        max_length=7, db_default="", blank=True, choices=[(r.value, r.value) for r in Role]
    )
    waits = models.BooleanField(
        db_default=False, default=False, help_text="its money is held; its pair lets it go, or not"
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
            models.Index(
                fields=["pair_trade", "created_at"],
                condition=Q(pair_trade__isnull=False),
                name="order_of_pair",
            ),
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
        ONCE = "ONCE"  # one yes of two

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="approval")
    answer = models.CharField(max_length=8, choices=Answer.choices)
    by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="approvals")
    note = models.TextField(default="", blank=True)
    digest = models.CharField(
        max_length=64, default="", blank=True, help_text="of what the person was shown"
    )
    way = models.CharField(
        max_length=8, default="", blank=True, help_text="the fresh factor that came with it"
    )
    first = models.ForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who had said yes before, where two must",
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.answer} by {self.by_id}"
