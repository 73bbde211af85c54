"""Ratings and tags: the models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.soft_attributes.films import Films
from recsim_tf.environments.soft_attributes.taggers import RatingsAndTags, TaggingUsers


@gin.configurable(module="recsim_tf")
def num_ratings_reward(response: RatingsAndTags) -> tf.Tensor:
    """[B]: the number of films that a user rates."""
    return tf.cast(tf.math.count_nonzero(response.stars, axis=-1), response.tags.dtype)


@gin.configurable
def ratings_and_tags(users: TaggingUsers | None = None, **simulator: Any) -> Simulator:
    """Ratings and tags of films, RecSim NG 0.1.2's synthetic data for concept activation vectors: a
    user meets all films at once, rates some and tags some of these.

    Observation: `user` [B, 0], nothing; `documents` int32 [B, N], the films; `response` is
    `RatingsAndTags`. Reward: the number of ratings. A session is one step.

    Args:
      users: who rate, default `TaggingUsers()`.
      **simulator: further arguments of `Simulator`; by default a slate of all films.
    """
    users = users or TaggingUsers()
    sizes = {"slate_size": users.num_films, "num_candidates": users.num_films, "max_steps": 1}
    films = Films(users.num_films, dtype=users.dtype)
    return Simulator(users, films, **{"reward_fn": num_ratings_reward, **sizes, **simulator})
