"""The folder of a run, and how a run stops."""
