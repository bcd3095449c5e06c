"""What people may call things: names that look alike wherever they are shown."""

import unicodedata

from django.core.exceptions import ValidationError

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format and line characters
JOINERS = "\u200c\u200d"  # parts of words and of emoji


def plain_name(text: str) -> None:
    """Refuse characters that nobody sees or that turn what follows round. Raises ValidationError.

    https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
    """
    if any(unicodedata.category(c) in UNSEEN and c not in JOINERS for c in text):
        raise ValidationError("Letters, digits and signs that can be seen, on one line.")
