"""CPU seconds in which a thousand users rate and tag a thousand films, in a process of
`benchmarks/worker.py`.
"""

import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.environments.soft_attributes import TaggingUsers, ratings_and_tags

# Of one call.
_MOST_USERS = 1000


class Task(NamedTuple):
    """What one process measures."""

    num_users: int
    num_ratings: int
    runs: int  # that are timed


def measure(task: Task) -> dict[str, float]:
    begun = time.process_time()
    simulator = ratings_and_tags(TaggingUsers(max_ratings=task.num_ratings))
    num_users = min(task.num_users, _MOST_USERS)

    @compiled
    def draw(seed):
        state_seed, step_seed = random.split_seed(seed, 2)
        state = simulator.reset(num_users, state_seed)
        everything = tf.tile(tf.range(simulator.slate_size)[tf.newaxis], [num_users, 1])
        return simulator.step(state, everything, step_seed)[1].response

    draw(random.as_seed(0))
    first = time.process_time() - begun
    begun = time.process_time()
    for run in range(task.runs):
        draw(random.as_seed(run))
    seconds = (time.process_time() - begun) / max(task.runs, 1)
    drawn = [draw(random.as_seed(run)) for run in range(-(-task.num_users // num_users))]
    stars = np.concatenate([each.stars for each in drawn])
    tags = np.concatenate([tf.reduce_any(each.tags > 0, axis=[1, 2]) for each in drawn])
    given = stars[stars > 0]
    return {
        "seconds": seconds,
        "first_seconds": first,
        "tagging_users": float(tags.mean()),
        "median_ratings": float(np.median((stars > 0).sum(axis=1))),
        "lowest_stars": int(given.min()),
        "highest_stars": int(given.max()),
    }
