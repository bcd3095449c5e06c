"""Markets, their outcomes and resolutions, and the feed that tells of them."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from venues.types import PriceRange, Terms

PRICE: dict[str, Any] = {"max_digits": 14, "decimal_places": 10}


class Market(models.Model):
    """One question on one venue."""

    class Status(models.TextChoices):
        OPEN = "OPEN"
        CLOSED = "CLOSED"
        RESOLVED = "RESOLVED"

    venue = models.CharField(max_length=20)
    external_id = models.CharField(max_length=120)
    title = models.CharField(max_length=300)
    category = models.CharField(max_length=60, default="Other")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    closes_at = models.DateTimeField(null=True, blank=True)
    fee_rate = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    # What it takes of real orders; unknown until the catalogue told it, and then nothing is sent.
    slug = models.CharField(max_length=200, default="", blank=True)
    tick = models.DecimalField(max_digits=6, decimal_places=4, null=True, blank=True)
    min_shares = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    neg_risk = models.BooleanField(null=True, blank=True)
    protocol = models.CharField(max_length=4, default="", blank=True, help_text="v1 or v2")
    seconds_delay = models.PositiveSmallIntegerField(default=0)
    sport = models.CharField(max_length=20, default="", blank=True, help_text="kind of game market")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="of its game")
    event = models.CharField(
        max_length=120, default="", blank=True, help_text="ticker of Kalshi's event"
    )
    team_id = models.CharField(
        max_length=80, default="", blank=True, help_text="Kalshi's own id of the team that YES is"
    )
    shard = models.PositiveSmallIntegerField(
        default=0, help_text="part of Kalshi that has it, and whose cash pays for it"
    )
    ranges = models.JSONField(
        default=list, blank=True, help_text="prices it takes: start, end and step, as text"
    )
    rules = models.TextField(default="", blank=True)
    rules_hash = models.CharField(max_length=64, default="", blank=True, help_text="SHA-256")
    listing = models.JSONField(
        default=dict,
        blank=True,
        help_text="of a game: what the venue lists, from which pairs are made",
    )
    listed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the catalogue last told of it"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "external_id"], name="market_unique_on_venue"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def terms(self) -> Terms | None:
        """Return what its orders must be, or None while any of it is unknown."""
        if self.tick is None or self.min_shares is None or self.neg_risk is None:
            return None
        if self.protocol not in ("v1", "v2"):
            return None
        return Terms(
            tick=self.tick,
            min_shares=self.min_shares,
            neg_risk=self.neg_risk,
            protocol=self.protocol,
            seconds_delay=self.seconds_delay,
            ranges=tuple(
                PriceRange(start=Decimal(start), end=Decimal(end), step=Decimal(step))
                for start, end, step in self.ranges
            ),
            shard=self.shard,
        )


class Outcome(models.Model):
    """One side of a market: a token on Polymarket, a ticker's side on Kalshi."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="outcomes")
    token = models.CharField(max_length=160)
    name = models.CharField(max_length=120)
    last_price = models.DecimalField(null=True, blank=True, **PRICE)
    last_at = models.DateTimeField(null=True, blank=True)
    bid = models.DecimalField(null=True, blank=True, **PRICE)
    bid_at = models.DateTimeField(null=True, blank=True)
    payout = models.DecimalField(
        max_digits=10, decimal_places=9, null=True, blank=True, help_text="USD a share, once final"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "token"], name="outcome_token_unique"),
            models.CheckConstraint(
                condition=Q(last_price__isnull=True) | Q(last_price__gt=0, last_price__lt=1),
                name="outcome_price_between_0_and_1",
            ),
        ]
        indexes = [models.Index(fields=["token"], name="outcome_by_token")]

    def __str__(self) -> str:
        return f"{self.name} · {self.market}"


class Resolution(models.Model):
    """What a market paid; a correction is a higher version, never an edit."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="resolutions")
    version = models.PositiveIntegerField(default=1)
    payouts = models.JSONField(help_text="USD per share by token, as decimal strings")
    source = models.CharField(max_length=200)
    resolved_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "version"], name="resolution_version_unique"),
        ]
        indexes = [
            # Read by settlement: the few that still have to be paid out.
            models.Index(
                fields=["resolved_at"],
                condition=Q(settled_at__isnull=True),
                name="resolution_unsettled",
            )
        ]

    def __str__(self) -> str:
        return f"{self.market} v{self.version}"


class Feed(models.Model):
    """Where trades come from now. A recording brings its own clock, which every door reads."""

    class Kind(models.TextChoices):
        RECORDING = "RECORDING"
        SANDBOX = "SANDBOX"
        LIVE = "LIVE"

    class State(models.TextChoices):
        READING = "READING"
        DONE = "DONE"

    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what is replayed")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    name = models.CharField(max_length=300)
    state = models.CharField(max_length=7, choices=State.choices, default=State.READING)
    clock_at = models.DateTimeField(null=True, blank=True, help_text="the time it is on the tape")
    first_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    position = models.PositiveBigIntegerField(default=0, help_text="rows of the tape dealt with")
    block = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="of the chain, up to which everything is stored"
    )
    total = models.PositiveBigIntegerField(default=0, help_text="rows of the tape")
    assumed = models.JSONField(default=dict, help_text="assumed whale profile, empty when earned")
    accounts = models.JSONField(default=list, help_text="ids of the accounts made for it")
    duplicates = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="when the stream last said that it is alive")

    def __str__(self) -> str:
        return self.name
