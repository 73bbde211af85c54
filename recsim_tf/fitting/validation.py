"""Checks of arguments."""

from recsim_tf.core.validation import check_at_least

__all__ = ["check_at_least"]
