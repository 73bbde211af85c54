"""What the author of an environment writes."""
