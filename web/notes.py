"""What people write beside an answer."""

import unicodedata

from django.http import HttpRequest

LONGEST = 4_000  # characters
BREAKS = "\n\t"


def note_of(request: HttpRequest, *, name: str = "note", most: int = LONGEST) -> str:
    """Return the note of a form as PostgreSQL and a page can show it: no control characters."""
    written = request.POST.get(name, "").replace("\r\n", "\n")
    kept = (c for c in written if c in BREAKS or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()[:most]
