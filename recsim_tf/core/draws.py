"""Where the draws of a step come from: a seed, or a record that is looked back on.

The simulator goes through the stages of a step once, and asks for each draw; what answers decides whether it simulates, recomputes or
scores.
"""

from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.noise import Noise
from recsim_tf.core.types import Nest

# A stage's distribution to its draw: (name of the stage, distribution, only_if). Where the bool scalar `only_if` is given and false nobody
# needs the draw, and it may be any.
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

    def __call__(self, stage: str, distribution: tfd.Distribution, only_if: tf.Tensor | None = None) -> Nest:
        if only_if is None:
            return random.sample(distribution, self._seeds[stage])
        return _sample_if(only_if, distribution, self._seeds[stage])


class Ahead:
    """Takes stages from the noise of a step, and from a seed what few steps need.

    Args:
      noise: of the step.
      seed: int32 [2], of the draws that have a condition.
    """

    def __init__(self, noise: Noise, seed: tf.Tensor):
        self._noise = noise
        self._seed = seed

    def __call__(self, stage: str, distribution: tfd.Distribution, only_if: tf.Tensor | None = None) -> Nest:
        del stage
        return random.sample(distribution, self._noise) if only_if is None else _sample_if(only_if, distribution, self._seed)


def _sample_if(condition: tf.Tensor, distribution: tfd.Distribution, seed: tf.Tensor) -> Nest:
    """Samples with noise that is drawn if the condition holds, and otherwise zero."""
    noise_seed, other_seed = random.split_seed(seed, 2)
    lengths = random.measure_noise(lambda noise: random.sample(distribution, noise))
    if not lengths:
        return random.sample(distribution, other_seed)
    blocks = tf.cond(condition, lambda: random.draw_noise(lengths, noise_seed), lambda: random.zero_noise(lengths))
    return random.sample(distribution, random.noise(blocks, other_seed))


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

    def __call__(self, stage: str, distribution: tfd.Distribution, only_if: tf.Tensor | None = None) -> Nest:
        del only_if
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
            f"the distribution of {stage} must have one batch axis, the users, got log-probabilities of shape {log_prob.shape}: "
            "wrap it in tfd.Independent"
        )
    return log_prob
