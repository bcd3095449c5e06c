"""Who trades: users and their accounts."""

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone


class User(AbstractUser):
    """A person. Later identity fields have their place here, which is why it is our own model."""


class Account(models.Model):
    """Money that is traded by one set of rules. Paper and real money are never added up."""

    class Mode(models.TextChoices):
        PAPER = "PAPER"
        APPROVAL = "APPROVAL"
        LIVE = "LIVE"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accounts"
    )
    name = models.CharField(max_length=60)
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.PAPER)
    rehearsal = models.BooleanField(
        default=False, help_text="Paper money, but each order waits for a person's approval."
    )
    starting_balance = models.DecimalField(max_digits=20, decimal_places=6)
    preset = models.CharField(max_length=20, default="default")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="account_name_unique_per_owner"),
            models.CheckConstraint(
                condition=Q(starting_balance__gte=0), name="account_starts_with_money_or_none"
            ),
            models.CheckConstraint(
                condition=Q(mode__in=["PAPER", "APPROVAL", "LIVE"]), name="account_mode_is_known"
            ),
            models.CheckConstraint(
                condition=Q(rehearsal=False) | Q(mode="PAPER"),
                name="account_rehearses_on_paper_only",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paper(self) -> bool:
        return self.mode == self.Mode.PAPER
