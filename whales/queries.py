"""Reads over whales that others build on."""

from whales.models import Follow


def all_assumed() -> bool:
    """Tell whether every follow runs on figures that were set by hand."""
    return not Follow.objects.filter(assumed__isnull=True).exists()
