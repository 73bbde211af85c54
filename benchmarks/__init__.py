"""Benchmarks: each one command, figures of one run from that run."""
