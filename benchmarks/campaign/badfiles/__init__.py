"""Bad inputs of files.py, by what they are given to."""
