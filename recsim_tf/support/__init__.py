"""Files, checkpoints, signals, errors, tables, pages and plots, for all other parts."""
