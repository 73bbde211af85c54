# SPDX-License-Identifier: Apache-2.0
"""Draws for the steps of a loop, from noise that is drawn one step ahead; see
`core.random.noise`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.random.noise import Blocks, Lengths
from recsim_tf.core.step.stages import Stages


class _Carried(NamedTuple):
    """The noise that a loop carries from step to step."""

    step: Blocks  # noise of the next step
    newcomers: Blocks  # noise of one newcomer for every row
    used: tf.Tensor  # bool [B]: whether the newcomer of the row has come


class Ahead:
    """Noise for the steps of a loop.

    A row needs a newcomer once in a session. So the loop keeps the noise of one newcomer for every
    row from step to step. It draws this noise anew, for all rows, only when some row needs a second
    newcomer. With many users a user leaves in nearly every step, and drawing anew each time would
    cost more.

    Args:
      advance: a function that takes `Stages`, asks them for all draws of a step, and returns the
        next state, the transition and the newcomers.
      num_users: B.

    Attributes:
      record: the specs of the transition and of the newcomers of a step.
    """

    SEEDS_OF_STEP = 4  # that `step` takes

    def __init__(self, advance: Callable[[Stages], tuple[Any, Nest, Nest]], num_users: int):
        step, newcomers = random.meter(), random.meter()
        self.record = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype),
            advance(_Metered(step, newcomers))[1:],
        )
        self._step, self._newcomers = step.taken, newcomers.taken
        self._num_users = num_users

    def begin(self, seed: Seed) -> _Carried:
        """The noise of the first step."""
        step_seed, newcomer_seed = random.split_seed(seed, 2)
        used = tf.zeros([self._num_users], tf.bool)
        return _Carried(
            random.draw_noise(self._step, step_seed),
            random.draw_noise(self._newcomers, newcomer_seed),
            used,
        )

    def step(self, carried: _Carried, seeds: Sequence[tf.Tensor]) -> "AheadStep":
        """The `Stages` of one step, from its `SEEDS_OF_STEP` seeds."""
        return AheadStep(carried, self._step, self._newcomers, seeds)


class _Metered(Stages):
    """Counts the noise that a step and its newcomers take."""

    def __init__(self, step: Any, newcomers: Any):
        self._step, self._newcomers = step, newcomers

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        return random.sample(distribution, self._step if who is None else self._newcomers)


class AheadStep(Stages):
    """One step of `Ahead`. After its last draw, `carried` is the noise of the next step."""

    def __init__(
        self, carried: _Carried, step: Lengths, newcomers: Lengths, seeds: Sequence[tf.Tensor]
    ):
        self._seed, step_seed, other_seed, self._newcomer_seed = seeds
        self._newcomers = newcomers
        self.carried = carried._replace(step=random.draw_noise(step, step_seed))
        self._noise = random.noise(carried.step, other_seed)

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        if who is None:
            return random.sample(distribution, self._noise)
        blocks, used = self.carried.newcomers, self.carried.used
        if blocks:
            used_up = tf.reduce_any(who & used)
            blocks = tf.cond(
                used_up,
                lambda: random.draw_noise(self._newcomers, self._newcomer_seed),
                lambda: blocks,
            )
            self.carried = self.carried._replace(newcomers=blocks, used=who | (used & ~used_up))
        return random.sample(distribution, random.noise(blocks, self._seed))
