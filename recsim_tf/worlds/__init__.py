# SPDX-License-Identifier: Apache-2.0
"""Worlds that are fitted to public logs: model, reader and starts of a fit, in a file each.

They are written with the public names of recsim_tf alone, so each is also an example of a world of
your own. Readers need the extra `fitting`. Worlds of logs that may not be shared stand in
`examples/recipes` of the repository.
"""
