"""Who trades: users, their accounts, and the sealed keys to real venues."""

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

    def is_demo(self) -> bool:
        """Tell whether its keys are for play money at a venue's demo."""
        return not self.is_paper and (
            self.credentials.filter(environment="demo", removed_at__isnull=True).exists()
        )


class VenueCredential(models.Model):
    """The keys of one account at one venue, sealed; written by `accounts.credentials` alone.

    What is readable here is public: addresses, and what a proof found.
    """

    class Environment(models.TextChoices):
        PRODUCTION = "production"
        DEMO = "demo"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credentials")
    venue = models.CharField(max_length=20)
    environment = models.CharField(
        max_length=10, choices=Environment.choices, default=Environment.PRODUCTION
    )
    address = models.CharField(max_length=128, help_text="the wallet that holds the money")
    signer = models.CharField(max_length=128, help_text="the address of the key")
    signature_type = models.PositiveSmallIntegerField(default=0)
    tier = models.JSONField(default=dict, help_text="what the venue lets this account ask for")
    box = models.BinaryField(help_text="sealed; see accounts.vault")
    data_key = models.BinaryField(help_text="wrapped by CREDENTIAL_KEYS")
    proof = models.JSONField(default=list, help_text="what the last proof found, step by step")
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "venue"],
                condition=Q(removed_at__isnull=True),
                name="credential_once_per_account_and_venue",
            ),
            models.UniqueConstraint(
                fields=["venue", "address"],
                condition=Q(removed_at__isnull=True),
                name="credential_wallet_of_one_account",
            ),
            models.UniqueConstraint(
                fields=["venue", "signer"],
                condition=Q(removed_at__isnull=True),
                name="credential_key_of_one_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.venue} {self.address[:10]}"

    @property
    def bound_to(self) -> str:
        """Return what the sealed box is bound to; another account's row does not open it."""
        return f"1:{self.account_id}:{self.account.owner_id}:{self.venue}"
