"""What went wrong at a venue, named by what the caller may do next.

VenueError
  Refused     the venue proved that it did not take the order: final, may be decided anew
  NotSent     nothing left this machine: may be tried again
  Unknown     it may or may not have arrived: never send again, only ask
  Unreadable  a read brought no good answer: it may be asked again at any time
  KeyRefused  of those: the venue does not know the key any more, and a person must act
"""


class VenueError(Exception):
    """A venue call that did not end in a report."""


class Refused(VenueError):
    """The venue refused; its own words follow ours."""


class NotSent(VenueError):
    """No byte left this machine."""


class Unknown(VenueError):
    """The outcome is not known. Only evidence settles it."""


class Unreadable(VenueError):
    """A read that brought no good answer: no evidence of anything."""


class KeyRefused(Unreadable):
    """The venue answers this key with a refusal."""


def kind_of(problem: Exception) -> str:
    """Return what went wrong without any address: the status of an answer, or the error's kind."""
    status = getattr(getattr(problem, "response", None), "status_code", None)
    return f"status {status}" if status else type(problem).__name__
