"""Who trades: users, their accounts, and the sealed keys to real venues."""

import uuid
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.names import plain_name


class User(AbstractUser):
    """A person. Later identity fields have their place here, which is why it is our own model."""


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, *, now: datetime) -> "InvitationQuerySet":
        return self.filter(used_at__isnull=True, expires_at__gt=now)


class Invitation(models.Model):
    """A link that lets one person join; written by `accounts.invitations` alone."""

    token_hash = models.CharField(max_length=64, unique=True)
    by = models.CharField(max_length=150)
    note = models.CharField(max_length=200, default="", blank=True, help_text="for whom it is")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_at__isnull=True, used_by__isnull=True)
                | Q(used_at__isnull=False, used_by__isnull=False),
                name="invitation_used_by_whom_and_when",
            )
        ]

    def __str__(self) -> str:
        return self.note or f"invitation of {self.made_at:%Y-%m-%d}"


class AccountQuerySet(models.QuerySet["Account"]):
    def answerable_by(self, user: User) -> "AccountQuerySet":
        """Return accounts whose orders this person may approve: own, named for, or all of them."""
        if user.has_perm("accounts.answer_for_all"):
            return self.all()
        named = Account.approvers.through.objects.filter(user=user).values("account")
        return self.filter(Q(owner=user) | Q(pk__in=named))


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
    name = models.CharField(max_length=60, validators=[plain_name])
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.PAPER)
    rehearsal = models.BooleanField(
        default=False, help_text="Paper money, but each order waits for a person's approval."
    )
    starting_balance = models.DecimalField(max_digits=20, decimal_places=6)
    preset = models.CharField(max_length=20, default="default")
    approvers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="approves",
        help_text="They may answer for this account too, with a factor of their own.",
    )
    auto_below = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        default=0,
        help_text="Orders that cost less, USD, need no answer. 0: each one asks.",
    )
    auto_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who gave that standing answer, with a fresh factor",
    )
    auto_at = models.DateTimeField(null=True, blank=True)
    second_above = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Orders that cost more, USD, need two different people. Empty: never.",
    )
    drift_band = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        default=Decimal("0.02"),
        help_text="USD a share the ask may rise over what was shown before it asks again.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(
        null=True, blank=True, help_text="kept to read; a fresh account took its place"
    )
    successor = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessor"
    )

    objects = AccountQuerySet.as_manager()

    class Meta:
        permissions = [("answer_for_all", "Can answer orders of all accounts")]
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
            models.CheckConstraint(
                condition=Q(auto_below__gte=0, drift_band__gte=0)
                & (Q(second_above__isnull=True) | Q(second_above__gte=0)),
                name="account_asks_from_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(auto_below=0) | Q(auto_by__isnull=False, auto_at__isnull=False),
                name="account_standing_answer_is_somebodys",
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
