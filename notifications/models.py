"""What happened, told once, and how it reaches people: channels and deliveries."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.names import plain_name


class Event(models.Model):
    """A sentence for people and its numbers, recorded in the transaction that caused it."""

    class Level(models.TextChoices):
        INFO = "INFO"
        WARN = "WARN"
        ACT = "ACT"  # critical: a person must say that he has seen it

    account = models.ForeignKey(
        "accounts.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    kind = models.CharField(max_length=40)
    level = models.CharField(max_length=4, choices=Level.choices, default=Level.INFO)
    sentence = models.TextField()
    payload = models.JSONField(default=dict)
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField()
    planned_at = models.DateTimeField(null=True, blank=True, help_text="its deliveries were made")
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.CharField(max_length=150, default="", blank=True)

    class Meta:
        indexes = [
            # Read by the dashboard: the latest of an account.
            models.Index(fields=["account", "-at"], name="event_by_account"),
            # Read by delivery: what nobody was told of yet.
            models.Index(
                fields=["id"], condition=Q(planned_at__isnull=True), name="event_unplanned"
            ),
            # Read by the entry gate: critical alerts that nobody has seen.
            models.Index(
                fields=["account"],
                condition=Q(level="ACT", seen_at__isnull=True),
                name="event_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"


class Channel(models.Model):
    """One way to reach one person. Its address is sealed: most of them hold a token."""

    class Kind(models.TextChoices):
        NTFY = "ntfy"
        TELEGRAM = "telegram"
        DISCORD = "discord"
        EMAIL = "email"
        WEBHOOK = "webhook"
        PUSH = "push", "this device"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="channels"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=60, validators=[plain_name])
    box = models.BinaryField(help_text="sealed; see accounts.vault")
    data_key = models.BinaryField(help_text="wrapped by CREDENTIAL_KEYS")
    wants = models.JSONField(default=dict, help_text="now, digest or off, by group of events")
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="after a failure all its messages wait, in their order"
    )
    last_error = models.CharField(max_length=300, default="", blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=Q(removed_at__isnull=True),
                name="channel_name_unique_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def bound_to(self) -> str:
        """Return what the sealed box is bound to; another person's row does not open it."""
        return f"channel:{self.pk}:{self.user_id}"


class Delivery(models.Model):
    """One event on its way to one channel, once."""

    class State(models.TextChoices):
        WAITING = "WAITING"
        SENDING = "SENDING"
        SENT = "SENT"
        FAILED = "FAILED"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    in_digest = models.BooleanField(default=False)
    due_at = models.DateTimeField(help_text="later in quiet hours, for a digest, after a failure")
    give_up_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["channel", "event"], name="delivery_once_per_channel")
        ]
        indexes = [
            # Read by the deliverer: what is not over.
            models.Index(
                fields=["channel", "due_at"],
                condition=Q(state__in=["WAITING", "SENDING"]),
                name="delivery_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.channel_id}: {self.state}"


class Quiet(models.Model):
    """When a person sleeps; what is critical wakes him."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="quiet"
    )
    begins = models.TimeField(null=True, blank=True)
    ends = models.TimeField(null=True, blank=True)
    digest_at = models.TimeField(default="08:00")
    zone = models.CharField(max_length=60, default="UTC")

    class Meta:
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"{self.begins}-{self.ends} {self.zone}"
