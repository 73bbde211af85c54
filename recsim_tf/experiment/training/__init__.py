"""Training of an agent: its parts, the learning loop, the replay, checkpoints and devices."""
