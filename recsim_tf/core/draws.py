"""Where the draws of a step come from: a seed, or a record that is looked back on.

The simulator goes through the stages of a step once, and asks for each draw; what answers decides
whether it simulates, recomputes or scores.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.random.noise import Blocks, Lengths
from recsim_tf.core.types import Nest

# A stage's distribution to its draw: (name of the stage, distribution, who). Where `who`, bool [B],
# is given, only its rows need the draw.
Draw = Callable[..., Nest]


class Sampled:
    """Draws each stage with a seed of its own.

    Args:
      seed: an integer or int32 [2].
      stages: names of all stages.
    """

    def __init__(self, seed, stages: Iterable[str]):
        stages = tuple(stages)
        self._seeds = dict(zip(stages, random.split_seed(seed, len(stages)), strict=True))

    def __call__(
        self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None
    ) -> Nest:
        del who
        return random.sample(distribution, self._seeds[stage])


class Carried(NamedTuple):
    """The noise that a loop carries from step to step."""

    step: Blocks  # of the next step
    newcomers: Blocks  # of one newcomer for every row
    used: tf.Tensor  # bool [B]: the row's newcomer has come


class Ahead:
    """Draws of a loop's steps from noise that is drawn one step ahead, see `core.noise`.

    A row needs a newcomer once a session. So newcomers come from a stock, which is drawn anew, for
    all rows, when a row needs its second one from it: not in every step in which somebody of many
    users leaves.

    Args:
      advance: takes a `Draw` and asks it for everything that a step draws.
      num_users: B.
    """

    def __init__(self, advance: Callable[[Draw], Any], num_users: int):
        step, newcomers = random.meter(), random.meter()
        advance(
            lambda stage, distribution, who=None: random.sample(
                distribution, step if who is None else newcomers
            )
        )
        self._step, self._newcomers = step.taken, newcomers.taken
        self._num_users = num_users

    def begin(self, seed) -> Carried:
        """The noise of the first step."""
        step_seed, newcomer_seed = random.split_seed(seed, 2)
        used = tf.zeros([self._num_users], tf.bool)
        return Carried(
            random.draw_noise(self._step, step_seed),
            random.draw_noise(self._newcomers, newcomer_seed),
            used,
        )

    def draw(self, carried: Carried, seed) -> "AheadStep":
        """A `Draw` for one step."""
        return AheadStep(carried, self._step, self._newcomers, seed)


class AheadStep:
    """One step of `Ahead`."""

    def __init__(self, carried: Carried, step: Lengths, newcomers: Lengths, seed):
        self._seed, step_seed, other_seed, self._stock_seed = random.split_seed(seed, 4)
        self._lengths = step, newcomers
        self._carried = carried._replace(step=random.draw_noise(step, step_seed))
        self._noise = random.noise(carried.step, other_seed)

    def __call__(
        self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None
    ) -> Nest:
        del stage
        if who is None:
            return random.sample(distribution, self._noise)
        stock, used = self._carried.newcomers, self._carried.used
        if stock:
            used_up = tf.reduce_any(who & used)
            stock = tf.cond(
                used_up,
                lambda: random.draw_noise(self._lengths[1], self._stock_seed),
                lambda: stock,
            )
            self._carried = self._carried._replace(newcomers=stock, used=who | (used & ~used_up))
        return random.sample(distribution, random.noise(stock, self._seed))

    def carry(self) -> Carried:
        """The noise of the next step, to be asked for when this one has drawn everything."""
        return self._carried


class Recorded:
    """Returns recorded draws.

    Args:
      draws: by stage.
      score: whether to keep the log-probability of each stage, [B], in `log_probs`.
    """

    def __init__(self, draws: Mapping[str, Nest], score: bool):
        self._draws = draws
        self._score = score
        self.log_probs: dict[str, tf.Tensor] = {}

    def __call__(
        self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None
    ) -> Nest:
        del who
        draw = self._draws[stage]
        if self._score:
            self.log_probs[stage] = log_prob_per_user(stage, distribution, draw)
        return draw


def log_prob_per_user(stage: str, distribution: tfd.Distribution, draw: Nest) -> tf.Tensor:
    """[B]: the log-probability of a stage's draw.

    Raises:
      ValueError: if the distribution has other batch axes than the users.
    """
    log_prob = distribution.log_prob(draw)
    if log_prob.shape.rank != 1:
        raise ValueError(
            f"the distribution of {stage} must have one batch axis, the users, got"
            f" log-probabilities of shape {log_prob.shape}: wrap it in tfd.Independent"
        )
    return log_prob
