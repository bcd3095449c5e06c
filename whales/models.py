"""Whales, what they traded, how good they are and who follows them."""

from typing import Any

from django.db import models
from django.db.models import Q

from markets.models import PRICE, Outcome
from venues.types import Side

SHARES: dict[str, Any] = {"max_digits": 24, "decimal_places": 6}
SIDES = [(side.value, side.value) for side in Side]


class Whale(models.Model):
    """A wallet whose trades we watch."""

    address = models.CharField(max_length=42, unique=True)
    name = models.CharField(max_length=120, default="", blank=True)
    own = models.BooleanField(
        default=False, help_text="Trades from this server: following it would be a loop."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(address__regex=r"^0x[0-9a-f]{40}$"), name="whale_address_is_lower_hex"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.address


class Signal(models.Model):
    """One order of a whale: its fills of one transaction, or of one token and side at once."""

    class State(models.TextChoices):
        NEW = "NEW"
        DECIDED = "DECIDED"

    whale = models.ForeignKey(
        Whale, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    outcome = models.ForeignKey(Outcome, on_delete=models.PROTECT, related_name="signals")
    side = models.CharField(max_length=4, choices=SIDES)
    source = models.CharField(max_length=100, unique=True, help_text="names the first fill")
    shares = models.DecimalField(**SHARES)
    price = models.DecimalField(help_text="USD per share, average", **PRICE)
    fills = models.PositiveIntegerField()
    sold_fraction = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    facts = models.JSONField(default=dict, help_text="the market as it was known then")
    at = models.DateTimeField(help_text="when the whale traded")
    due_at = models.DateTimeField(help_text="when its fills had added up")
    state = models.CharField(max_length=7, choices=State.choices, default=State.NEW)

    class Meta:
        indexes = [
            # Read by the sweep: what a crash left undecided.
            models.Index(fields=["due_at"], condition=Q(state="NEW"), name="signal_undecided"),
            models.Index(fields=["whale", "-at"], name="signal_by_whale"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.shares} of {self.outcome_id} by {self.whale_id}"


class WhaleTrade(models.Model):
    """One fill of one wallet, stored once."""

    whale = models.ForeignKey(
        Whale, on_delete=models.PROTECT, related_name="trades", db_index=False
    )
    outcome = models.ForeignKey(
        Outcome, on_delete=models.PROTECT, related_name="trades", db_index=False
    )
    transaction = models.CharField(max_length=80)
    counter = models.BigIntegerField()
    side = models.CharField(max_length=4, choices=SIDES)
    price = models.DecimalField(**PRICE)
    shares = models.DecimalField(**SHARES)
    at = models.DateTimeField()
    source = models.CharField(
        max_length=5, db_default="data", help_text="data, or the chain: whichever told it first"
    )
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.PROTECT, related_name="trades"
    )
    pending = models.BooleanField(default=False, help_text="followed, and no signal covers it yet")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["transaction", "outcome", "side", "counter"],
                name="whale_trade_stored_once",
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0, price__lt=1), name="whale_trade_price_between_0_and_1"
            ),
            models.CheckConstraint(condition=Q(shares__gt=0), name="whale_trade_has_shares"),
        ]
        indexes = [
            models.Index(fields=["outcome", "at"], name="whale_trade_by_outcome"),
            models.Index(fields=["whale", "at"], name="whale_trade_by_whale"),
            # Read by ingest: fills that wait to become a signal.
            models.Index(fields=["at"], condition=Q(pending=True), name="whale_trade_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.shares} at {self.price}"


class WhaleScore(models.Model):
    """How good a whale was known to be at a moment, with the parts of the sum."""

    whale = models.ForeignKey(Whale, on_delete=models.PROTECT, related_name="scores")
    as_of = models.DateTimeField()
    score = models.FloatField()
    sharpe = models.FloatField()
    win_rate = models.FloatField(help_text="percent")
    consistency = models.FloatField()
    recent_roi = models.FloatField(help_text="percent")
    roi = models.FloatField(help_text="percent")
    bets = models.PositiveIntegerField()
    components = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["whale", "as_of"], name="whale_score_unique_per_date"),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=100), name="whale_score_between_0_and_100"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whale_id}: {self.score:.0f}"


class Follow(models.Model):
    """An account follows a whale. Blank overrides inherit the account's profile."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="follows"
    )
    whale = models.ForeignKey(Whale, on_delete=models.PROTECT, related_name="follows")
    paused = models.BooleanField(default=False)
    copy_exits = models.BooleanField(default=True)
    size_factor = models.DecimalField(max_digits=6, decimal_places=4, null=True, blank=True)
    max_trade = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    max_price_drift = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    min_whale_quality = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    categories = models.JSONField(default=list, blank=True)
    assumed = models.JSONField(
        null=True, blank=True, help_text="q s w c r set by hand, shown as ASSUMED"
    )
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "whale"], name="follow_once_per_account"),
            models.CheckConstraint(
                condition=Q(size_factor__isnull=True) | Q(size_factor__gt=0, size_factor__lte=1),
                name="follow_never_sizes_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} follows {self.whale_id}"


class QuarantinedRow(models.Model):
    """A row of a recording that could not be read: where it is and why."""

    file_key = models.CharField(max_length=64, help_text="SHA-256 of the file")
    file = models.CharField(max_length=300)
    line = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=300)
    excerpt = models.CharField(max_length=500)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file_key", "line"], name="quarantined_row_once")
        ]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.reason}"
