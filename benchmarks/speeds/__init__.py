# SPDX-License-Identifier: Apache-2.0
"""The sections of `benchmarks/speed.py`, one a module, and the processes that measure."""
