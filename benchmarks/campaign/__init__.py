"""The sections of faults.py."""
