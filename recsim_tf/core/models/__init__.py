"""The models of users and documents that the author of an environment writes."""
