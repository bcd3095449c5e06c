"""Progress bars for long work: on standard error, and only for a person at a terminal."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Bar = Callable[[int], None]


@contextlib.contextmanager
def bar(what: str, *, quiet: bool = False, total: int | None = None) -> Iterator[Bar]:
    """Yield a function that advances the bar by some rows."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda rows: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.advance(task, rows)
