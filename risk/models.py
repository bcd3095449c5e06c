"""The limits of an account, the row that is locked, what is held, and what stopped it."""

import hashlib
import uuid
from dataclasses import fields
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from risk.domain.breakers import BreakerKind
from risk.domain.pairs import DEFAULT_PAIRS as PAIRS
from risk.domain.pairs import PairLimits
from risk.domain.presets import DEFAULT, Limits

MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
REPEATED: dict[str, Any] = {"db_index": False, "db_constraint": False}
FRACTION: dict[str, Any] = {"max_digits": 6, "decimal_places": 4}
SECONDS: dict[str, Any] = {"max_digits": 8, "decimal_places": 3}


def _all_leagues() -> list[str]:
    return list(PAIRS.leagues)


class RiskProfile(models.Model):
    """All limits of one account; the names are those of `risk.domain.presets.Limits`."""

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.PROTECT, related_name="profile"
    )
    base_position_pct = models.DecimalField(default=DEFAULT.base_position_pct, **FRACTION)
    max_position_pct = models.DecimalField(default=DEFAULT.max_position_pct, **FRACTION)
    kelly_fraction = models.DecimalField(default=DEFAULT.kelly_fraction, **FRACTION)
    min_whale_quality = models.DecimalField(
        default=DEFAULT.min_whale_quality, max_digits=6, decimal_places=3
    )
    max_positions = models.PositiveIntegerField(default=DEFAULT.max_positions)
    min_position_size = models.DecimalField(default=DEFAULT.min_position_size, **MONEY)
    max_position_size = models.DecimalField(default=DEFAULT.max_position_size, **MONEY)
    max_total_exposure = models.DecimalField(default=DEFAULT.max_total_exposure, **FRACTION)
    max_per_market = models.DecimalField(default=DEFAULT.max_per_market, **FRACTION)
    max_per_category = models.DecimalField(default=DEFAULT.max_per_category, **FRACTION)
    min_liquidity = models.DecimalField(default=DEFAULT.min_liquidity, **MONEY)
    max_spread = models.DecimalField(default=DEFAULT.max_spread, **FRACTION)
    min_confidence = models.DecimalField(
        default=DEFAULT.min_confidence, max_digits=6, decimal_places=3
    )
    daily_loss_limit = models.DecimalField(default=DEFAULT.daily_loss_limit, **MONEY)
    hourly_loss_limit = models.DecimalField(default=DEFAULT.hourly_loss_limit, **MONEY)
    max_consecutive_losses = models.PositiveIntegerField(default=DEFAULT.max_consecutive_losses)
    max_price_drift = models.DecimalField(default=DEFAULT.max_price_drift, **FRACTION)
    max_signal_age = models.PositiveIntegerField(default=DEFAULT.max_signal_age)
    duplicate_seconds = models.PositiveIntegerField(default=DEFAULT.duplicate_seconds)
    min_hours_to_close = models.DecimalField(
        default=DEFAULT.min_hours_to_close, max_digits=8, decimal_places=4
    )
    max_daily_copies = models.PositiveIntegerField(null=True, blank=True)
    bet_amount = models.DecimalField(default=DEFAULT.bet_amount, **MONEY)
    min_roi = models.DecimalField(default=DEFAULT.min_roi, max_digits=8, decimal_places=4)
    max_daily_pairs = models.PositiveIntegerField(default=DEFAULT.max_daily_pairs)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    base_position_pct__gt=0,
                    base_position_pct__lte=1,
                    max_position_pct__gt=0,
                    max_position_pct__lte=1,
                    kelly_fraction__gt=0,
                    kelly_fraction__lte=1,
                    max_total_exposure__gt=0,
                    max_total_exposure__lte=1,
                    max_per_market__gt=0,
                    max_per_market__lte=1,
                    max_per_category__gt=0,
                    max_per_category__lte=1,
                    max_spread__gt=0,
                ),
                name="risk_profile_fractions_between_0_and_1",
                violation_error_message=(
                    "The Kelly fraction and all parts of equity lie above 0 and are at most 1; the "
                    "widest spread lies above 0."
                ),
            ),
            models.CheckConstraint(
                condition=Q(
                    max_positions__gt=0,
                    min_position_size__gt=0,
                    max_position_size__gte=models.F("min_position_size"),
                    daily_loss_limit__gt=0,
                    hourly_loss_limit__gt=0,
                    max_consecutive_losses__gt=0,
                ),
                name="risk_profile_limits_are_positive",
                violation_error_message=(
                    "Positions, sizes, losses and losses in a row lie above 0, and the most of a "
                    "position is not less than the least of a copy."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"limits of {self.account_id}"

    def limits(self) -> Limits:
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})


class PairProfile(models.Model):
    """The bounds of one account's pair trades; the names are those of `domain.pairs.PairLimits`."""

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.PROTECT, related_name="pair_profile"
    )
    leagues = models.JSONField(default=_all_leagues, help_text="that are traded")
    accept_standard = models.JSONField(
        default=list, blank=True, help_text="leagues whose standard contracts need no own approval"
    )
    excluded = models.JSONField(
        default=list, blank=True, help_text="teams (NBA:LAL), games (LAL@BOS) or slugs"
    )
    min_lifetime = models.DecimalField(default=PAIRS.min_lifetime, **SECONDS)
    max_worst_loss = models.DecimalField(default=PAIRS.max_worst_loss, **MONEY)
    max_edge = models.DecimalField(default=PAIRS.max_edge, **FRACTION)
    reserve_nba = models.DecimalField(default=PAIRS.reserve_nba, **FRACTION)
    reserve_nfl = models.DecimalField(default=PAIRS.reserve_nfl, **FRACTION)
    reserve_nhl = models.DecimalField(default=PAIRS.reserve_nhl, **FRACTION)
    max_book_age = models.DecimalField(default=PAIRS.max_book_age, **SECONDS)
    depth_multiple = models.PositiveSmallIntegerField(default=PAIRS.depth_multiple)
    fok_multiple = models.PositiveSmallIntegerField(default=PAIRS.fok_multiple)
    max_delay = models.PositiveSmallIntegerField(default=PAIRS.max_delay)
    trade_in_play = models.BooleanField(default=PAIRS.trade_in_play)
    quiet_seconds = models.PositiveIntegerField(default=PAIRS.quiet_seconds)
    max_unhedged = models.DecimalField(default=PAIRS.max_unhedged, **MONEY)
    max_unhedged_part = models.DecimalField(default=PAIRS.max_unhedged_part, **FRACTION)
    max_provisional = models.DecimalField(default=PAIRS.max_provisional, **MONEY)
    hedge_loss = models.DecimalField(default=PAIRS.hedge_loss, **FRACTION)
    hedge_tries = models.PositiveSmallIntegerField(default=PAIRS.hedge_tries)
    hedge_soft = models.DecimalField(default=PAIRS.hedge_soft, **SECONDS)
    hedge_hard = models.DecimalField(default=PAIRS.hedge_hard, **SECONDS)
    unknown_wait = models.DecimalField(default=PAIRS.unknown_wait, **SECONDS)
    unwind_tries = models.PositiveSmallIntegerField(default=PAIRS.unwind_tries)
    unwind_wait = models.DecimalField(default=PAIRS.unwind_wait, **SECONDS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    max_worst_loss__gt=0,
                    max_edge__gt=0,
                    reserve_nba__gte=0,
                    reserve_nfl__gte=0,
                    reserve_nhl__gte=0,
                    max_book_age__gt=0,
                    depth_multiple__gt=0,
                    max_unhedged__gt=0,
                    max_unhedged_part__gt=0,
                    hedge_loss__gte=0,
                    hedge_hard__gte=models.F("hedge_soft"),
                ),
                name="pair_profile_bounds_make_sense",
            )
        ]

    def __str__(self) -> str:
        return f"pair bounds of {self.account_id}"

    def bounds(self) -> PairLimits:
        values = {each.name: getattr(self, each.name) for each in fields(PairLimits)}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return PairLimits(**values | lists)


class RiskState(models.Model):
    """The numbers of an account that entries compete for. Whoever reserves locks this row.

    Cash and realised sums repeat what the ledger says, so that a decision reads one row; the
    invariants of every flow test compare the two.
    """

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.PROTECT, related_name="risk"
    )
    cash = models.DecimalField(**MONEY)
    reserved = models.DecimalField(default=0, **MONEY)
    committed = models.DecimalField(default=0, **MONEY, help_text="open cost, fees included")
    realised = models.DecimalField(default=0, **MONEY)
    apart = models.DecimalField(
        db_default=0,
        default=0,
        **MONEY,
        help_text="realised on one leg of pairs whose other leg is not paid yet",
    )
    consecutive_losses = models.PositiveIntegerField(default=0)
    high_water = models.DecimalField(**MONEY)
    equity = models.DecimalField(**MONEY, help_text="at mark, when last looked at")
    day = models.DateTimeField(null=True, blank=True)
    day_equity = models.DecimalField(**MONEY, help_text="when the UTC day began")
    day_realised = models.DecimalField(default=0, **MONEY)
    day_forgiven = models.DecimalField(default=0, **MONEY)
    day_copies = models.PositiveIntegerField(default=0, help_text="entries accepted that day")
    hour = models.DateTimeField(null=True, blank=True)
    hour_equity = models.DecimalField(**MONEY, help_text="when the UTC hour began")
    hour_realised = models.DecimalField(default=0, **MONEY)
    hour_forgiven = models.DecimalField(default=0, **MONEY)
    is_strained = models.BooleanField(
        db_default=False,
        default=False,
        help_text="a real venue took more than was free; nothing is bought meanwhile",
    )

    class Meta:
        constraints = [
            # A bug fails loudly here instead of overspending. A venue that rounds its fees up may
            # take a hundredth of a cent more than was held, and what it took must be booked.
            models.CheckConstraint(
                condition=Q(
                    reserved__gte=0,
                    committed__gte=0,
                )
                & (Q(cash__gte=models.F("reserved") - Decimal("0.01")) | Q(is_strained=True)),
                name="risk_state_never_overspends",
            )
        ]

    def __str__(self) -> str:
        return f"risk of {self.account_id}"


class Purse(models.Model):
    """Cash of a real account at one place: a wallet, or one shard of an exchange.

    An order is paid out of the purse of its market alone. The purses of an account add up to the
    cash of its RiskState, under whose lock they are changed (`trading.purses`).
    """

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="purses")
    venue = models.CharField(max_length=20)
    shard = models.PositiveSmallIntegerField(default=0)
    cash = models.DecimalField(default=0, **MONEY)
    told = models.DecimalField(null=True, blank=True, **MONEY, help_text="by the venue, when asked")
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "venue", "shard"], name="purse_once")
        ]

    def __str__(self) -> str:
        return f"{self.cash} at {self.venue} {self.shard}"


class Reservation(models.Model):
    """Money or shares held for one order, from its reservation to its end."""

    class State(models.TextChoices):
        HELD = "HELD"
        RELEASED = "RELEASED"

    # Account and outcome repeat the order's, which a foreign key of `trading` proves to exist.
    order_id = models.UUIDField(unique=True)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="reservations", **REPEATED
    )
    outcome = models.ForeignKey(
        "markets.Outcome", on_delete=models.PROTECT, related_name="reservations", **REPEATED
    )
    entry = models.BooleanField(default=True, help_text="buys; a sale holds shares instead")
    amount = models.DecimalField(**MONEY, help_text="USD still held")
    shares = models.DecimalField(default=0, max_digits=24, decimal_places=6)
    immediate_cost = models.DecimalField(default=0, **MONEY, help_text="fee and spread, USD")
    state = models.CharField(max_length=8, choices=State.choices, default=State.HELD)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, shares__gte=0), name="reservation_not_negative"
            )
        ]
        indexes = [
            models.Index(fields=["account"], condition=Q(state="HELD"), name="reservation_held")
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.amount} for {self.order_id}"


class BreakerTrip(models.Model):
    """A breaker opened, with the numbers that caused it. A reset is a second fact on the row."""

    KINDS = [(kind.value, kind.value) for kind in BreakerKind]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="trips")
    kind = models.CharField(max_length=6, choices=KINDS)
    window_start = models.DateTimeField()
    measured = models.DecimalField(**MONEY)
    limit = models.DecimalField(**MONEY)
    numbers = models.JSONField(default=dict)
    at = models.DateTimeField()
    reset_at = models.DateTimeField(null=True, blank=True)
    reset_by = models.CharField(max_length=150, default="", blank=True)
    reset_why = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind"],
                condition=Q(reset_at__isnull=True, kind="STREAK"),
                name="breaker_streak_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "at"],
                condition=Q(reset_at__isnull=True),
                name="breaker_trip_unreset",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class KillSwitch(models.Model):
    """Somebody stopped something: entries only, or everything."""

    class Scope(models.TextChoices):
        SERVER = "SERVER"
        VENUE = "VENUE"
        ACCOUNT = "ACCOUNT"
        WHALE = "WHALE"

    class Level(models.TextChoices):
        ENTRIES = "ENTRIES"
        ALL = "ALL"

    scope = models.CharField(max_length=7, choices=Scope.choices)
    key = models.CharField(max_length=64, default="", blank=True, help_text="which one; id or name")
    level = models.CharField(max_length=7, choices=Level.choices)
    by = models.CharField(max_length=150)
    why = models.TextField(default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "kill switches"
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="kill_switch_once_per_thing"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key} {self.level}"

    @property
    def digest(self) -> str:
        """What names this stop as it stands: another level or moment is another stop."""
        facts = f"stop|{self.scope}|{self.key}|{self.level}|{self.at.isoformat()}"
        return hashlib.sha256(facts.encode()).hexdigest()

    def clean(self) -> None:
        """Refuse a key that names nothing: a stop that stops nothing is worse than none."""
        if not self._names_something():
            raise ValidationError(
                {"key": "Empty for the server; the account's id, the whale's address or the venue."}
            )

    def _names_something(self) -> bool:
        if self.scope == self.Scope.SERVER:
            return not self.key
        if self.scope != self.Scope.ACCOUNT:
            return bool(self.key)
        try:
            named = uuid.UUID(self.key)
        except ValueError:
            return False
        self.key = str(named)  # as it is looked up, however it was written
        return RiskState.objects.filter(account_id=named).exists()
