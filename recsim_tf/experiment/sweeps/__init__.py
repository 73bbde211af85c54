"""Sweeps: many training runs, their bindings and their seeds in one file, and one table of their
results.
"""

from recsim_tf.experiment.sweeps.run import run_sweep

__all__ = ["run_sweep"]
