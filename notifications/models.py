"""What happened, told once: the outbox of events, written with the change that it tells."""

from django.db import models


class Event(models.Model):
    """A sentence for people and its numbers, recorded in the transaction that caused it."""

    class Level(models.TextChoices):
        INFO = "INFO"
        WARN = "WARN"
        ACT = "ACT"

    account = models.ForeignKey(
        "accounts.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    kind = models.CharField(max_length=40)
    level = models.CharField(max_length=4, choices=Level.choices, default=Level.INFO)
    sentence = models.TextField()
    payload = models.JSONField(default=dict)
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        # Read by the dashboard and by delivery: the latest of an account.
        indexes = [models.Index(fields=["account", "-at"], name="event_by_account")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"
