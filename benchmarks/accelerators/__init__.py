# SPDX-License-Identifier: Apache-2.0
"""The parts of `benchmarks/accelerator.py`, and the script that runs its programs under JAX."""
