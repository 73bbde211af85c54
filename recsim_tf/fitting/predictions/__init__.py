"""What models expect of logged responses, given what was logged before them."""
