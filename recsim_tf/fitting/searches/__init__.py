"""Searches for the maximum of a log-likelihood, which know no method."""
