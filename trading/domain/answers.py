"""What a person's answer to something that asked came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the answer came to: whether it counted, and one sentence."""

    counted: bool
    sentence: str
