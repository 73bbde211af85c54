"""What several agents use."""
