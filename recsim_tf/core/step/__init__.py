"""One step of a session: turns, stages and their order."""
