"""Draws from posteriors of parameters and of sessions, by the No-U-Turn sampler."""
