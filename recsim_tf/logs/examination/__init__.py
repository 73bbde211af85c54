"""Examination of a log before a policy is judged from it."""
