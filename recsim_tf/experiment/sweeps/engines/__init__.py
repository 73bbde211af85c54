"""Ray Tune as the engine that runs the trials of a sweep."""
