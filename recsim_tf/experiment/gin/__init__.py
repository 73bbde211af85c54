"""Gin files and bindings."""
