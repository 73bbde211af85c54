"""The studies of `benchmarks/fitting.py`, one a module."""
