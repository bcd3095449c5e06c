"""Money on its way: what was won and is not paid, what was paid, what moves between shards."""

from django.db import models
from django.db.models import Q

from trading.models.fields import MONEY
from whales.models import SHARES


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


class MarketSettlement(models.Model):
    """How a market of Kalshi ended for an account, in the exchange's own words.

    The exchange keeps no history of these: what is not stored here is gone. Counts and costs are
    gross over the market's life.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="market_settlements"
    )
    venue = models.CharField(max_length=20)
    ticker = models.CharField(max_length=120)
    shard = models.PositiveSmallIntegerField(default=0)
    result = models.CharField(max_length=20)
    yes_count = models.DecimalField(**SHARES)
    no_count = models.DecimalField(**SHARES)
    yes_cost = models.DecimalField(**MONEY)
    no_cost = models.DecimalField(**MONEY)
    fees = models.DecimalField(**MONEY)
    revenue = models.DecimalField(**MONEY)
    value = models.DecimalField(
        max_digits=10, decimal_places=6, null=True, blank=True, help_text="USD per YES"
    )
    profit = models.DecimalField(
        **MONEY, help_text="pairs + revenue - costs - fees, by the exchange's figures"
    )
    settled_at = models.DateTimeField(help_text="by the exchange's record")
    at = models.DateTimeField(help_text="when it was stored")
    booked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "venue", "ticker"], name="market_settlement_stored_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["account"],
                condition=Q(booked_at__isnull=True),
                name="market_settlement_unbooked",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticker} paid {self.profit}"


class Transfer(models.Model):
    """Cash that a person moved from one shard of Kalshi to another. Its id is the exchange's key:
    the same id moves money once.
    """

    class State(models.TextChoices):
        SENDING = "SENDING"
        DONE = "DONE"
        REFUSED = "REFUSED"
        UNKNOWN = "UNKNOWN"
        UNDECIDED = "UNDECIDED"  # the exchange's list could not be read for long

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="transfers"
    )
    amount = models.DecimalField(**MONEY)
    source = models.PositiveSmallIntegerField()
    destination = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.SENDING)
    says = models.CharField(max_length=500, default="", blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    absorbed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the books followed the balances, whatever came of it"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_moves_money"),
            models.CheckConstraint(
                condition=~Q(source=models.F("destination")), name="transfer_goes_elsewhere"
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(state__in=["SENDING", "UNKNOWN"]),
                name="transfer_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} from {self.source} to {self.destination}"
