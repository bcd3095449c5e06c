"""Pair trades: two legs on two venues that end hedged, flat or in a person's hands."""

import uuid

from django.db import models
from django.db.models import Q

from markets.models import PRICE
from trading.domain.pair_state import OPEN, RUNNING, PairState
from trading.models.fields import MONEY, UNINDEXED
from whales.models import SHARES


class PairTrade(models.Model):
    """One account's two legs on one game. `trading.pair_trades` is its only writer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="pair_trades"
    )
    opportunity = models.ForeignKey(
        "markets.Opportunity", on_delete=models.PROTECT, related_name="trades"
    )
    game = models.ForeignKey("markets.Game", on_delete=models.PROTECT, related_name="trades")
    pair = models.ForeignKey("markets.Pair", on_delete=models.PROTECT, related_name="trades")
    route = models.CharField(max_length=2)
    mode = models.CharField(max_length=8, help_text="the mode it was born in, kept for ever")
    state = models.CharField(max_length=18, choices=[(s.value, s.value) for s in PairState])
    first = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="first_legs", **UNINDEXED
    )
    second = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="second_legs", **UNINDEXED
    )
    shares = models.DecimalField(**SHARES, help_text="planned, on each leg")
    first_price = models.DecimalField(**PRICE, help_text="planned average, USD a share")
    second_price = models.DecimalField(**PRICE, help_text="planned average, USD a share")
    first_fee = models.DecimalField(**MONEY, help_text="planned, USD")
    second_fee = models.DecimalField(**MONEY, help_text="planned, USD")
    expected = models.DecimalField(**MONEY, help_text="USD where both contracts pay alike")
    expected_net = models.DecimalField(
        **MONEY, help_text="after the reserve and the chance of a failed second leg"
    )
    worst_loss = models.DecimalField(**MONEY, help_text="USD, in the worst branch")
    figures = models.JSONField(help_text="everything the decision was made on")
    bounds = models.JSONField(help_text="the bounds it keeps, as they were when it began")
    unhedged_at = models.DateTimeField(
        null=True, blank=True, help_text="when one side alone was first known to be bought"
    )
    hedged_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="of the two legs")
    settled_at = models.DateTimeField(null=True, blank=True)
    realised = models.DecimalField(null=True, blank=True, **MONEY)
    explained = models.JSONField(default=dict, help_text="why realised is not what was expected")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "game"],
                condition=Q(state__in=sorted(RUNNING)) & Q(settled_at__isnull=True),
                name="pair_trade_one_per_game_and_account",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in PairState]),
                name="pair_trade_state_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=sorted(OPEN)),
                name="pair_trade_open",
            ),
            models.Index(fields=["account", "-created_at"], name="pair_trade_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.game} {self.route} ({self.state})"


class PairEvent(models.Model):
    """One step of a pair trade's life. Append-only."""

    trade = models.ForeignKey(PairTrade, on_delete=models.PROTECT, related_name="events")
    old = models.CharField(max_length=18, default="", blank=True)
    new = models.CharField(max_length=18)
    sentence = models.TextField()
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.old} > {self.new}"


class Lease(models.Model):
    """Who drives something alone, and until when; taken and kept by conditional updates."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=80)
    until = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="when its holder last did its work")

    def __str__(self) -> str:
        return f"{self.name}: {self.holder} until {self.until:%H:%M:%S}"
