"""Fitted models in folders that can be given away."""
