"""Predictions of logged responses, given the earlier steps of each session."""
