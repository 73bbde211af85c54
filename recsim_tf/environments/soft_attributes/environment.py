"""Raters and taggers of films: the models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core import turns
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.soft_attributes.films import Films
from recsim_tf.environments.soft_attributes.raters import AttributeRaters, Judgement
from recsim_tf.environments.soft_attributes.taggers import RatingsAndTags, TaggingUsers


@gin.configurable
def soft_attributes(users: AttributeRaters | None = None, **simulator: Any) -> Simulator:
    """Judgements of soft attributes (Balog et al. 2021, SIGIR): the system names an attribute and a
    film, and shows others; the rater says which of them have less of it, about as much, and more.

    An action is a `Turn` of a slate and a `Judgement`. Observation: `user` int32 [B], the rater;
    `documents` int32 [B, N], the films; `response` has `clicked` and `relation` [B, K]. Reward: the
    number of films that have more of it. A session is one judgement.

        simulator = soft_attributes(AttributeRaters(num_attributes=5, num_films=50))
        judgement = Judgement(attribute=tf.zeros([4], tf.int32), reference=tf.fill([4], 7))
        state = simulator.reset(num_users=4, seed=0)
        slate = tf.tile([[0, 1, 2]], [4, 1])
        simulator.step(state, recsim_tf.Turn(slate, judgement), seed=1)

    To fit raters to the data set, see `fitting.logs.soft_attributes_log`.

    Args:
      users: the raters, default `AttributeRaters()`.
      **simulator: further arguments of `Simulator`; by default slates of 10 of 20 films, and
        sessions of one step.
    """
    users = users or AttributeRaters()
    spec = turns.query_spec(
        Judgement(tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32)),
        Judgement(Bounds(0, users.num_attributes - 1), Bounds(0, users.num_films - 1)),
    )
    sizes = {"slate_size": 10, "num_candidates": 20, "max_steps": 1}
    films = Films(users.num_films, dtype=users.dtype)
    return Simulator(users, films, query_spec=spec, **(sizes | simulator))


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
