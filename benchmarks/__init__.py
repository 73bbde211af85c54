# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: each one command, figures of one run from that run."""
