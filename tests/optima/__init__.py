"""Tests of bounds of returns."""
