"""The report of a fit."""

from recsim_tf.fitting.report.write import render, write_report

__all__ = ["render", "write_report"]
