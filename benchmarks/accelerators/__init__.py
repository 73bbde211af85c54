"""What `benchmarks/accelerator.py` exports, and the script that runs it under JAX."""
