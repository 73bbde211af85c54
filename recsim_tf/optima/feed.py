# SPDX-License-Identifier: Apache-2.0
"""The bound of the feed, where two memories of clicks carry the future."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Slate
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.optima.bound import BOUND, Bound, Sessions, require
from recsim_tf.support.means import Mean
from recsim_tf.worlds.feed import HALF_LIVES

# The paths of contexts and candidates for which the dynamic program is solved. All paths have the
# return of a policy that ignores memories, to which the program adds little.
_MOST_PATHS = 300
# The grid of a memory, which is a sum of surprises that fade.
_MEMORIES = np.linspace(-12.0, 12.0, 25)


def feed(simulator: Simulator, sessions: Sessions) -> Bound:
    """Contexts and candidates do not depend on actions. A policy that knows all of them in advance,
    but not the clicks, earns at least as much as any policy. Its best return is a dynamic program
    over the two memories for each path of contexts and candidates.
    """
    users = simulator.users
    require("reward_fn", "click_reward", simulator.reward_fn, simulator.reward_fn is click_reward)
    require("slate_size", "1", simulator.slate_size, simulator.slate_size == 1)
    weights = np.asarray(users.change, np.float64)[:2]
    effects, viewers, pauses = _paths(simulator, sessions)
    forgetful = (1 / (1 + np.exp(-(viewers + effects.max(axis=2))))).sum(axis=0)
    num_paths = min(sessions.number, _MOST_PATHS)
    effects, viewers, pauses = (each[:, :num_paths] for each in (effects, viewers, pauses))

    first, second = (each.ravel() for each in np.meshgrid(_MEMORIES, _MEMORIES, indexing="ij"))
    remembered = (weights[0] * first + weights[1] * second)[np.newaxis, :, np.newaxis]
    value = np.zeros([num_paths, len(first)])
    for effect, viewer, pause in zip(effects[::-1], viewers[::-1], pauses[::-1], strict=True):
        logits = viewer[:, np.newaxis, np.newaxis] + effect[:, np.newaxis] + remembered
        click = 1 / (1 + np.exp(-logits))
        left = 0.5 ** (pause[:, np.newaxis] / HALF_LIVES)

        def after(surprise: np.ndarray, left=left, value=value) -> np.ndarray:
            memories = [
                left[:, index, np.newaxis, np.newaxis] * (memory[:, np.newaxis] + surprise)
                for index, memory in enumerate((first, second))
            ]
            return _interpolated(value, *memories)

        value = (click * (1 + after(1 - click)) + (1 - click) * after(-click)).max(axis=2)
    # Memories are 0 at the start.
    added = Mean.of(value[:, len(first) // 2] - forgetful[:num_paths])
    mean = Mean.of(forgetful)
    return Bound(
        mean.value + added.value,
        float(np.hypot(mean.standard_error, added.standard_error)),
        BOUND,
        "Contexts and candidates do not depend on actions. A policy that knows them in advance"
        " earns no less than any policy.",
    )


def _paths(simulator: Simulator, sessions: Sessions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contexts and candidates of sessions: the effects of candidates on the logit [T, P, N], the
    logits of viewers [T, P] for an effect and memories of 0, and the pauses [T, P] after steps.
    """
    users, videos, num_paths = simulator.users, simulator.documents, sessions.number

    @compiled(user_steps=0)
    def step(state, seed):
        effect = videos.show(videos.describe(state.candidates, state.corpus), ())
        forgetful = state.user._replace(memory=tf.zeros_like(state.user.memory))
        neutral = Slate(tf.zeros([num_paths, 1]), tf.ones([num_paths, 1], tf.bool))
        click = users.response(forgetful, neutral).mean()[:, 0]
        following, _ = simulator.step(state, tf.zeros([num_paths, 1], tf.int32), seed)
        return following, effect, tf.math.log(click / (1 - click)), following.user.pause

    first, *seeds = random.split_seed(sessions.seed, 1 + sessions.steps())
    state, steps = simulator.reset(num_paths, first), []
    for seed in seeds:
        state, *recorded = step(state, seed)
        steps.append([np.asarray(each, np.float64) for each in recorded])
    effects, viewers, pauses = (np.stack(each) for each in zip(*steps, strict=True))
    return effects, viewers, pauses


def _interpolated(table: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tables [P, G * G] at points whose coordinates are [P, ...], by bilinear interpolation."""
    size, spacing = len(_MEMORIES), _MEMORIES[1] - _MEMORIES[0]
    rows = np.arange(len(table)).reshape(-1, *[1] * (first.ndim - 1))
    places, parts = [], []
    for coordinate in (first, second):
        at = np.clip((coordinate - _MEMORIES[0]) / spacing, 0, size - 1)
        place = np.minimum(at.astype(int), size - 2)
        places.append(place)
        parts.append(at - place)
    at = places[0] * size + places[1]
    low = table[rows, at] * (1 - parts[1]) + table[rows, at + 1] * parts[1]
    high = table[rows, at + size] * (1 - parts[1]) + table[rows, at + size + 1] * parts[1]
    return low * (1 - parts[0]) + high * parts[0]
