"""What was decided, on every event, for every account."""

import uuid

from django.db import models
from django.db.models import Q

from risk.domain.reasons import Reason
from trading.models.fields import MONEY, REPEATED, SIDES, UNINDEXED


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
