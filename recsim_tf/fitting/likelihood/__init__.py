"""The likelihood of logged sessions, and what sums latent draws out of it."""
