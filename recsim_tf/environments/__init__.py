"""The environments, a module or a folder each."""
