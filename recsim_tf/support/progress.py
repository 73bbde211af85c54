"""Progress bars."""

import sys
from collections.abc import Iterable
from typing import Any

# Between two lines where no terminal shows the bar.
_LINE_SECONDS = 10.0


class _Lines:
    """A stream to which a bar writes each of its states as a line."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(f"{line}\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def progress_bar(steps: Iterable | None = None, *, show: bool = True, **options: Any) -> Any:
    """A bar of tqdm on standard error; where that is no terminal, a line at most every ten seconds.

    Args:
      steps: to iterate over; None for a bar that is updated by hand.
      show: whether there is a bar.
      **options: of tqdm.

    Raises:
      ImportError: if tqdm is not installed.
    """
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError("progress needs tqdm: install recsim-tf[fitting]") from missing
    if not sys.stderr.isatty():
        options |= {"file": _Lines(sys.stderr), "mininterval": _LINE_SECONDS}
    # Otherwise the environment variable TQDM_DISABLE decides.
    return tqdm(steps, **(options if show else {**options, "disable": True}))
