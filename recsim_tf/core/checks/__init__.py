# SPDX-License-Identifier: Apache-2.0
"""Checks of the methods of a simulator's models, which call every method for a few users."""

from recsim_tf.core.checks.check import check

__all__ = ["check"]
