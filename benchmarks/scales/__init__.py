"""Sections of `benchmarks/scaling.py` and their processes."""
