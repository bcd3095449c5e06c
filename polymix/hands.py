"""Work that is due, handed to the Celery workers; the rows say when it is done."""

import logging
from datetime import datetime

from kombu.exceptions import OperationalError

from trading.tasks import process_signal, settle_resolved

log = logging.getLogger(__name__)


class CeleryHands:
    """Send ids. A broker that is down costs time only: the caller's sweep does the work."""

    own = False

    def copy(self, signal_id: int, *, now: datetime) -> bool:
        try:
            process_signal.delay(signal_id=signal_id)
        except OperationalError as error:
            log.warning("The queue does not take work (%s); the sweep will do it", error)
        return True

    def settle(self, *, now: datetime) -> None:
        try:
            settle_resolved.delay()
        except OperationalError as error:
            log.warning("The queue does not take work (%s); the sweep will do it", error)
