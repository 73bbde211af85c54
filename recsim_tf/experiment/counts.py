"""Counts of configurables, checked by the names that they have in gin files."""

from typing import Any

from recsim_tf.core import validation
from recsim_tf.experiment.runs.errors import UsageError


def check_counts(owner: str, least: int, **counts: Any) -> None:
    """Requires integers of `least` or more, as `validation.check_at_least`.

    Args:
      owner: the configurable, such as "train".
      least: the smallest that is allowed.
      **counts: by the names of its parameters.

    Raises:
      UsageError: for the first that is not, by its full name.
    """
    try:
        validation.check_at_least(
            least, **{f"{owner}.{name}": count for name, count in counts.items()}
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
