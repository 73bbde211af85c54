# SPDX-License-Identifier: Apache-2.0
"""Progress bars for terminals, notebooks and logs."""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
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
    """A bar of tqdm over steps, or a bar that the caller updates, with options of tqdm. In a
    notebook it is a widget where ipywidgets is installed. Outside a notebook, where stderr is no
    terminal, it is a line at most every ten seconds. Raises an ImportError if tqdm is not
    installed.
    """
    in_notebook = _is_notebook()
    try:
        # Without ipywidgets `tqdm.auto` prints a warning in a notebook.
        if in_notebook and find_spec("ipywidgets") is None:
            from tqdm import tqdm
        else:
            from tqdm.auto import tqdm
    except ImportError as missing:
        raise ImportError("progress needs tqdm: install recsim-tf[fitting]") from missing
    if not (in_notebook or sys.stderr.isatty()):
        options |= {"file": _Lines(sys.stderr), "mininterval": 10.0}
    # Otherwise the environment variable TQDM_DISABLE decides.
    return tqdm(steps, **(options if show else {**options, "disable": True}))


def _is_notebook() -> bool:
    """True if this process is the kernel of a notebook."""
    interactive = sys.modules.get("IPython")
    shell = None if interactive is None else interactive.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config
