"""Games that both venues list, the pairs of contracts on them, and what those earned when."""

from typing import Any

from django.db import models
from django.db.models import Q

from markets.domain.payoff import Route
from markets.models.markets import PRICE, Market, Outcome

MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
SHARES: dict[str, Any] = {"max_digits": 24, "decimal_places": 6}


class Game(models.Model):
    """One game of a league."""

    league = models.CharField(max_length=4)
    day = models.DateField(help_text="in New York")
    away = models.CharField(max_length=4, help_text="code, as Kalshi writes it")
    home = models.CharField(max_length=4)
    title = models.CharField(max_length=120)
    starts_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["league", "day", "away", "home"], name="game_once")
        ]

    def __str__(self) -> str:
        return f"{self.away} @ {self.home} {self.day}"

    @property
    def key(self) -> str:
        return f"{self.away}@{self.home}"


class Pair(models.Model):
    """A Polymarket market and a Kalshi event on one game, with what was read of both contracts.

    `markets.pairing` is its only writer.
    """

    class State(models.TextChoices):
        READ = "READ"  # both contracts are known; people and their rules decide
        FROZEN = "FROZEN"  # something changed, or a line does not hold: nothing is bought
        OVER = "OVER"  # one of the venues lists it no more

    game = models.ForeignKey(Game, on_delete=models.PROTECT, related_name="pairs")
    polymarket = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="pairs")
    event = models.CharField(max_length=120, help_text="ticker of Kalshi's event")
    away_outcome = models.ForeignKey(Outcome, on_delete=models.PROTECT, related_name="away_of")
    home_outcome = models.ForeignKey(Outcome, on_delete=models.PROTECT, related_name="home_of")
    kalshi_away = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="away_pairs")
    kalshi_home = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="home_pairs")
    state = models.CharField(max_length=6, choices=State.choices, default=State.READ)
    is_standard = models.BooleanField(help_text="every line of the list holds")
    rules_hash = models.CharField(max_length=64, help_text="SHA-256 of all that both contracts say")
    reading = models.JSONField(help_text="terms of both contracts and the lines of the list")
    texts = models.JSONField(help_text="both rule texts, by venue")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="when it was first read")
    blocked_why = models.TextField(
        default="", blank=True, help_text="why nobody can approve it as it is listed now"
    )
    frozen_why = models.TextField(default="", blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(help_text="of the texts")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["polymarket", "event"], name="pair_once"),
        ]
        indexes = [
            # Read by every scan: the few pairs that may be traded or shown.
            models.Index(fields=["state"], condition=~Q(state="OVER"), name="pair_not_over")
        ]

    def __str__(self) -> str:
        return f"{self.game} ({self.event})"


class PairApproval(models.Model):
    """A person's word, for his own accounts, that both contracts are the same bet: of these texts
    and no others.
    """

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="approvals")
    user = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="pair_approvals"
    )
    rules_hash = models.CharField(max_length=64)
    is_approved = models.BooleanField(help_text="or refused")
    texts = models.JSONField(help_text="what was read then, to show what changed since")
    note = models.TextField(default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["pair", "user", "-at"], name="pair_approval_latest")]

    def __str__(self) -> str:
        return f"{self.user_id} {'approved' if self.is_approved else 'refused'} {self.pair_id}"


class Opportunity(models.Model):
    """One route of a pair that cost less than it pays, from when to when.

    The figures are the latest ones for the largest size that a scan looks at.
    """

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="opportunities")
    route = models.CharField(max_length=2, choices=[(each.value, each.value) for each in Route])
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    shares = models.DecimalField(**SHARES)
    first_price = models.DecimalField(**PRICE, help_text="Polymarket's average, USD a share")
    second_price = models.DecimalField(**PRICE, help_text="Kalshi's average, USD a share")
    capital = models.DecimalField(**MONEY, help_text="fees included")
    fees = models.DecimalField(**MONEY)
    gross = models.DecimalField(**MONEY)
    net = models.DecimalField(**MONEY, help_text="after fees and the reserve")
    best_edge = models.DecimalField(**PRICE, help_text="the best net edge a share, so far")
    worst = models.DecimalField(**MONEY, help_text="what the worst branch loses")
    worst_branch = models.CharField(max_length=60)
    points = models.JSONField(default=list, help_text="[at, gross, net] a share, thinned")

    class Meta:
        verbose_name_plural = "opportunities"
        constraints = [
            models.UniqueConstraint(
                fields=["pair", "route"],
                condition=Q(ended_at__isnull=True),
                name="opportunity_open_once_per_route",
            )
        ]
        indexes = [models.Index(fields=["-last_seen"], name="opportunity_latest")]

    def __str__(self) -> str:
        return f"{self.pair} {self.route} {self.first_seen:%H:%M:%S}"

    @property
    def sum(self) -> Any:
        return self.first_price + self.second_price

    @property
    def roi(self) -> Any:
        """Return the net edge as a part of the capital."""
        return self.net / self.capital
