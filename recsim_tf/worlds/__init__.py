"""Worlds that are fitted to public logs: models, readers and starts of fits, in a file each.

They are written with the public names of recsim_tf alone, so each is also an example of a world of
your own. Readers need the extra `fitting`.
"""
