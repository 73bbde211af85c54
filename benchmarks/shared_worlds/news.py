"""Whether to try fresh articles: clicks of users who share the news, under policies that know only
what all of them clicked.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, mean_and_error, section, standard_error

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.news import news
from recsim_tf.policies import Trending, random_policy


class _Size(NamedTuple):
    num_worlds: int
    users_per_world: int
    num_steps: int


_SIZES = {False: _Size(20, 200, 240), True: _Size(2, 4, 4)}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    simulator = news(users_per_world=size.users_per_world, max_steps=None)
    policies = {
        "random": ("Random", random_policy(simulator)),
        "greedy": ("greedy", Trending(simulator, exploration=0.0)),
        "explore": ("Thompson sampling", Trending(simulator, exploration=1.0)),
    }
    half = size.num_steps // 2
    clicks = {
        name: _clicks(simulator, policy, size, settings)[half:].mean(axis=0)
        for name, (_, policy) in policies.items()
    }
    figures, rows = {}, [("policy", "clicks of a user and step, later half", "less greedy")]
    for name, (label, _) in policies.items():
        mean, error = mean_and_error(clicks[name])
        figures |= {f"news.{name}": mean, f"news.{name}_se": error}
        lead = clicks[name] - clicks["greedy"]
        shown = "" if name == "greedy" else f"{lead.mean():+.3f} ± {standard_error(lead):.3f}"
        rows.append((label, f"{mean:.3f} ± {error:.3f}", shown))
    lead = clicks["explore"] - clicks["greedy"]
    figures["news.lead"], figures["news.lead_se"] = mean_and_error(lead)
    bars = {"news.lead": (2 * figures["news.lead_se"], np.inf)}
    title = (
        f"News-v0: {size.num_worlds} worlds of {size.users_per_world} users, {size.num_steps}"
        " steps, slates of 3 of 60 articles"
    )
    details = {name: by_world.round(4).tolist() for name, by_world in clicks.items()}
    return section(settings, title, rows, figures, bars, details=details)


def _clicks(simulator, policy, size: _Size, settings: Settings) -> np.ndarray:
    """[T, W]: mean clicks of the users of each world. Every policy has the same seed."""
    num_users = size.num_worlds * size.users_per_world

    def add(carry, transition):
        step, array = carry
        by_world = tf.reshape(transition.reward, [size.num_worlds, -1])
        return step + 1, array.write(step, tf.reduce_mean(by_world, axis=1))

    @compiled(jit_compile=not settings.quick)
    def run(seed):
        array = tf.TensorArray(tf.float32, size.num_steps, element_shape=[size.num_worlds])
        _, array = simulator.fold(policy, num_users, size.num_steps, seed, add, (0, array))
        return array.stack()

    return run(random.as_seed(settings.seed)).numpy()
