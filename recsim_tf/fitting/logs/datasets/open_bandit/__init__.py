"""The Open Bandit Dataset: impressions, and the pages that they make up."""
