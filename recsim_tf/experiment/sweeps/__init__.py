"""Sweeps: many training runs, their bindings and their seeds in one file, and one table of what
they gave.
"""
