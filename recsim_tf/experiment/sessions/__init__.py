"""Sessions of a run for people who read them: as text, as a page and as a table."""
