# SPDX-License-Identifier: Apache-2.0
"""The suite: every environment with agents and rules, scored between random slates and a bound."""

from recsim_tf.experiment.suite.suite import run_suite

__all__ = ["run_suite"]
