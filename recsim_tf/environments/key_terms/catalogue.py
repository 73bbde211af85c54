"""The features of arms and key-terms, drawn with NumPy from a seed.

The law and its constants are those of the synthetic data of Xie et al. 2021, "Comparison-based
conversational recommender system with relative bandit feedback" (SIGIR 2021), by the authors'
generator (github.com/zhxieml/RelativeConUCB). How the features of key-terms follow from those of
arms is that of ConUCB (Zhang et al. 2020, arXiv 1906.01219).
"""

import numpy as np

# A key-term has 1 to so many arms.
_MOST_ARMS = 10


def draw_catalogue(num_arms: int, num_key_terms: int, num_features: int, seed: int) -> np.ndarray:
    """Features of arms, then of key-terms.

    Each key-term gets a vector of F - 1 standard normals, and 1 to 10 arms, every number and every
    set of arms equally likely. An arm is a normal vector of standard deviation 1 around the mean of
    the vectors of its key-terms, around 0 where it has none, scaled to length 1. A key-term is in
    the end the weighted mean of its arms, where an arm of n key-terms has the weight 1/n. The last
    feature of all is 1, for the users' biases.

    Args:
      num_arms: A.
      num_key_terms: W.
      num_features: F, at least 2.
      seed: an integer.

    Returns:
      float64 [A + W, F].
    """
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal([num_key_terms, num_features - 1])
    weights = _memberships(generator, num_key_terms, num_arms).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=0), 1)
    arms = generator.normal(weights.T @ vectors)
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    key_terms = weights @ arms / weights.sum(axis=1, keepdims=True)
    return np.pad(np.concatenate([arms, key_terms]), [(0, 0), (0, 1)], constant_values=1.0)


def _memberships(generator, num_key_terms: int, num_arms: int) -> np.ndarray:
    """Bool [W, A]: the arms of each key-term."""
    most = min(_MOST_ARMS, num_arms)
    num_members = generator.integers(1, most + 1, num_key_terms)
    # The arms of the smallest of equally distributed numbers are a random set.
    numbers = generator.random([num_key_terms, num_arms])
    smallest = np.sort(np.partition(numbers, most - 1)[:, :most])
    return numbers <= np.take_along_axis(smallest, num_members[:, np.newaxis] - 1, axis=1)
