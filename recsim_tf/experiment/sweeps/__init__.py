# SPDX-License-Identifier: Apache-2.0
"""Sweeps: many trainings, their bindings and seeds in a file, and a table of their results."""

from recsim_tf.experiment.sweeps.run import run_sweep

__all__ = ["run_sweep"]
