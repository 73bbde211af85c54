"""Faults that are planted into the product, and the tests that see them."""
