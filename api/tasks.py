"""What the API does by itself."""

from celery import shared_task
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from api import idempotency
from markets import clock


@shared_task(acks_late=True)
def forget_old() -> None:
    """Delete kept answers that nobody will ask for again, and tokens that are over."""
    idempotency.forget_old()
    OutstandingToken.objects.filter(expires_at__lt=clock.database_now()).delete()
