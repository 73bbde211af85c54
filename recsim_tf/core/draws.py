"""Where the draws of a step come from: a seed, or a record that is looked back on.

The simulator goes through the stages of a step once, and asks for each draw; what answers decides whether it simulates, recomputes or
scores.
"""

from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.types import Nest

# (name of the stage, its distribution) -> the draw
Draw = Callable[[str, tfd.Distribution], Nest]


class Sampled:
    """Draws each stage with a seed of its own.

    Args:
      seed: an integer or int32 [2].
      stages: names of all stages.
    """

    def __init__(self, seed, stages: Iterable[str]):
        stages = tuple(stages)
        self._seeds = dict(zip(stages, random.split_seed(seed, len(stages)), strict=True))

    def __call__(self, stage: str, distribution: tfd.Distribution) -> Nest:
        return random.sample(distribution, self._seeds[stage])


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

    def __call__(self, stage: str, distribution: tfd.Distribution) -> Nest:
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
