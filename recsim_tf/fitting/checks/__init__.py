"""Checks of fits: predicted choices, posterior-predictive simulation, recovery of a known truth."""
