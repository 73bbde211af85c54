"""Progress bars."""

from collections.abc import Iterable
from typing import Any


def progress_bar(steps: Iterable | None = None, *, show: bool, **options: Any) -> Any:
    """A bar of tqdm.

    Args:
      steps: what the bar goes through; None for a bar that is updated by hand.
      show: whether anything is printed.
      **options: of tqdm.

    Raises:
      ImportError: if tqdm is not installed, in one line.
    """
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError("recsim_tf.fitting needs tqdm: install recsim-tf[fitting]") from missing
    return tqdm(steps, disable=not show, **options)
