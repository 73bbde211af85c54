"""The sections of `benchmarks/speed.py`, one a module, and the processes that measure."""
