"""What an unsafe call with an idempotency key came to: a repetition has no other effect."""

from django.conf import settings
from django.db import models


class KeptCall(models.Model):
    """One unsafe call of one person; written by `api.idempotency` alone."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text="of method, path and body")
    status = models.PositiveSmallIntegerField(null=True, help_text="empty while it runs")
    body = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="kept_call_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status or 'running'}"
