"""The environments. Each is a module or a folder."""
