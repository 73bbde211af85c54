"""Progress bars."""

from collections.abc import Iterable
from typing import Any


def progress_bar(steps: Iterable | None = None, *, show: bool, **options: Any) -> Any:
    """A bar of tqdm over steps, or one that is updated by hand; with options of tqdm.

    Raises:
      ImportError: if tqdm is not installed.
    """
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError("recsim_tf.fitting needs tqdm: install recsim-tf[fitting]") from missing
    return tqdm(steps, disable=not show, **options)
