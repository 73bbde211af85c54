"""The command `recsim-tf` and its options."""
