"""What a benchmark found, and what was promised."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, kw_only=True)
class Result:
    name: str
    measured: float
    promised: float
    unit: str
    at_least: bool = True  # else: at most

    @property
    def reached(self) -> bool:
        if self.at_least:
            return self.measured >= self.promised
        return self.measured <= self.promised

    def line(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "ok    " if self.reached else "MISSED"
        return (
            f"{verdict} {self.name}: {self.measured:,.2f} {self.unit} "
            f"(promised {sign} {self.promised:g})"
        )


def seconds(act: Callable[[], object]) -> float:
    start = perf_counter()
    act()
    return perf_counter() - start
