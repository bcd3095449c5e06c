"""What was matched, what is held, and the double-entry ledger."""

import uuid

from django.db import models
from django.db.models import Q

from markets.models import PRICE
from trading.domain.ledger import Book, EntryKind
from trading.models.fields import MONEY, UNINDEXED
from trading.models.orders import Order
from venues.types import Settlement
from whales.models import SHARES


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
            # Read by the settlement breaker: the latest of a real venue.
            models.Index(
                fields=["-at"], condition=Q(venue="polymarket"), name="fill_polymarket_latest"
            ),
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


class Tally(models.Model):
    """An account's sums, so that nobody adds up its history to tell how it stands.

    Triggers keep it with the rows it sums: postings, fills, positions and equity points. The suite
    compares it with the sums themselves.
    """

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.PROTECT, related_name="tally"
    )
    cash = models.DecimalField(db_default=0, **MONEY)
    positions = models.DecimalField(db_default=0, **MONEY)
    realised = models.DecimalField(db_default=0, **MONEY)
    capital = models.DecimalField(db_default=0, **MONEY)
    fees = models.DecimalField(db_default=0, **MONEY)
    trades = models.PositiveIntegerField(db_default=0, help_text="positions closed")
    wins = models.PositiveIntegerField(db_default=0)
    losses = models.PositiveIntegerField(db_default=0)
    roi_sum = models.DecimalField(
        db_default=0, max_digits=24, decimal_places=12, help_text="of closed positions, percent"
    )
    roi_count = models.PositiveIntegerField(db_default=0)
    max_drawdown = models.FloatField(db_default=0, help_text="fraction")

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.account_id}: {self.cash}"


class Chapter(models.Model):
    """Where an account's count began anew: what it stood at then. Nothing is deleted."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="chapters"
    )
    cash = models.DecimalField(**MONEY)
    realised = models.DecimalField(**MONEY)
    trades = models.PositiveIntegerField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id} from {self.at:%Y-%m-%d}"
