"""Checks of a simulator's models: what every method must return, tried with a few users."""

from recsim_tf.core.checks.check import check

__all__ = ["check"]
