"""Progress bars."""

import sys
from collections.abc import Iterable
from typing import Any


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
    """A bar of tqdm over steps, or one that is updated by hand, with options of tqdm. Where stderr
    is no terminal, a line at most every ten seconds.

    Raises:
      ImportError: if tqdm is not installed.
    """
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError("progress needs tqdm: install recsim-tf[fitting]") from missing
    if not sys.stderr.isatty():
        options |= {"file": _Lines(sys.stderr), "mininterval": 10.0}
    # Otherwise the environment variable TQDM_DISABLE decides.
    return tqdm(steps, **(options if show else {**options, "disable": True}))
