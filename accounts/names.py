"""What people may call things: names that look alike wherever they are shown."""

import unicodedata

from django.core.exceptions import ValidationError

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format and line characters
BLANKS = "\u034f\u115f\u1160\u2800\u3164\uffa0"  # letters and marks that show nothing
JOINERS = "\u200c\u200d"  # parts of words and of emoji


def plain_name(text: str) -> None:
    """Refuse characters that nobody sees or that turn what follows round. Raises ValidationError.

    https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
    """
    bad = (c in BLANKS or (unicodedata.category(c) in UNSEEN and c not in JOINERS) for c in text)
    if any(bad) or not text.strip(f" {JOINERS}"):
        raise ValidationError("Letters, digits and signs that can be seen, on one line.")
