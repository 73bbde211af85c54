"""Whether to try fresh articles: clicks of users who share the news, under policies that know only
what all of them clicked.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sections import Bar, Section, Settings, standard_error

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.environments.news import news
from recsim_tf.policies import Trending, random_policy
from recsim_tf.tables import text_table


class _Size(NamedTuple):
    num_worlds: int
    users_per_world: int
    num_steps: int


_SIZES = {False: _Size(20, 200, 240), True: _Size(2, 4, 4)}
_BY_HAND = {False: _Size(2, 50, 60), True: _Size(2, 4, 4)}


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
        figures[f"news.{name}"] = float(clicks[name].mean())
        figures[f"news.{name}_se"] = standard_error(clicks[name])
        lead = clicks[name] - clicks["greedy"]
        shown = "" if name == "greedy" else f"{lead.mean():+.3f} ± {standard_error(lead):.3f}"
        mean = f"{figures[f'news.{name}']:.3f} ± {figures[f'news.{name}_se']:.3f}"
        rows.append((label, mean, shown))
    lead = clicks["explore"] - clicks["greedy"]
    figures["news.lead"], figures["news.lead_se"] = float(lead.mean()), standard_error(lead)
    figures["news.popularity_error"] = _popularity_error(_BY_HAND[settings.quick], settings.seed)
    bars = [
        Bar("news.lead", figures["news.lead"], 2 * figures["news.lead_se"], np.inf),
        Bar("news.popularity_error", figures["news.popularity_error"], 0.0, 1e-5),
    ]
    lines = [
        f"News-v0: {size.num_worlds} worlds of {size.users_per_world} users, {size.num_steps}"
        " steps, slates of 3 of 60 articles",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    details = {name: by_world.round(4).tolist() for name, by_world in clicks.items()}
    return Section(figures, details, lines)


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


def _popularity_error(size: _Size, seed: int) -> float:
    """The largest relative difference between clicks by article as the world counts them, and as
    NumPy counts them from what users clicked.
    """
    simulator = news(users_per_world=size.users_per_world)
    documents = simulator.documents

    @compiled
    def run(seed):
        trajectory = simulator.rollout(
            Trending(simulator), size.num_worlds * size.users_per_world, size.num_steps, seed
        )
        return trajectory, simulator.replay(trajectory)

    trajectory, states = run(random.as_seed(seed))
    transitions = trajectory.transitions
    counts = np.zeros((size.num_worlds, documents.num_articles))
    worst = 0.0
    for step in range(size.num_steps):
        found = states.corpus.clicks[step].numpy()
        worst = max(worst, float(np.max(np.abs(found - counts) / np.maximum(counts, 1))))
        counts *= documents.discount
        clicked = transitions.response.clicked[step].numpy()
        for user, position in np.argwhere(clicked):
            world = user // size.users_per_world
            candidate = transitions.slate[step, user, position]
            counts[world, states.candidates[step, world, candidate]] += 1
        counts[transitions.draws.corpus.appears[step] == 1] = 0
    return worst
