"""Estimators of a policy's value: four choices each, and the names that papers give to them."""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.ranges import Range
from recsim_tf.core.validation import NONE, check_numbers, check_one_of, check_type
from recsim_tf.ope.log import SlateLogProbs

READS = ("slate", "set", "prefix", "position")
STEPS = ("decision", "trajectory")
MODELS = ("none", "baseline", "alone", "difference")
# exp of it is finite, and any weight near it is not to be believed.
_LARGEST = 80.0


@dataclasses.dataclass(frozen=True)
class Weights:
    """How importance weights are bent: less variance, for a bias towards zero, or with a model
    towards the model's value.

    Args:
      cap: the largest weight (Ionides 2008); None for any.
      switch: the largest weight that is used; those above count as 0 (Wang et al. 2017).
      shrinkage: c of c w / (w^2 + c) (Su et al. 2020).

    Raises:
      ValueError: for a number that is not above 0.
    """

    cap: float | None = None
    switch: float | None = None
    shrinkage: float | None = None

    def __post_init__(self) -> None:
        check_numbers(Range(above=0), NONE, **dataclasses.asdict(self))

    def bend(self, weights: tf.Tensor) -> tf.Tensor:
        """The weights that are used, of the same shape."""
        if self.cap is not None:
            weights = tf.minimum(weights, tf.constant(self.cap, weights.dtype))
        if self.switch is not None:
            weights = tf.where(weights <= self.switch, weights, tf.zeros_like(weights))
        if self.shrinkage is not None:
            weights = self.shrinkage * weights / (weights**2 + self.shrinkage)
        return weights


@dataclasses.dataclass(frozen=True)
class Estimator:
    """An estimator of the mean return under a policy, from sessions under another one.

    Args:
      reads: what the reward of a position depends on. "slate": all items in their order; "set": all
        items in any order; "prefix": the items up to the position (cascades); "position": the
        position's item alone.
      steps: the weight of a reward. "decision": of all steps up to it (PDIS, Precup et al. 2000);
        "trajectory": of the whole session.
      normalize: whether weights are divided by their mean over the sessions, at each step and
        position (Swaminathan & Joachims 2015).
      weights: how weights are bent, after the product over steps.
      model: "none"; "baseline" subtracts a model's values (doubly robust); "alone" is the value of
        a simulated policy; "difference" adds to the log's mean what a simulated change is worth.

    Raises:
      ValueError: for an unknown choice.
    """

    reads: str = "slate"
    steps: str = "decision"
    normalize: bool = False
    weights: Weights = Weights()
    model: str = "none"

    def __post_init__(self) -> None:
        check_one_of(READS, reads=self.reads)
        check_one_of(STEPS, steps=self.steps)
        check_one_of(MODELS, model=self.model)
        check_type("weights", self.weights, Weights)
        if self.steps == "trajectory" and (self.model == "baseline" or self.reads != "slate"):
            raise ValueError(
                'steps must be "decision" where a model is subtracted or less than slates is read,'
                ' got "trajectory"'
            )
        if self.model == "baseline" and self.reads == "position":
            raise ValueError('reads must be slate, set or prefix with model="baseline"')

    @property
    def is_weighted(self) -> bool:
        """Whether it needs probabilities."""
        return self.model in ("none", "baseline")


_RAW = {
    "ips": Estimator(),
    "tis": Estimator(steps="trajectory"),
    "iips": Estimator("position"),
    "rips": Estimator("prefix"),
    "set_ips": Estimator("set"),
    "dr": Estimator(model="baseline"),
    "set_dr": Estimator("set", model="baseline"),
    "cascade_dr": Estimator("prefix", model="baseline"),
}
# With "sn" before it, a name is that of the self-normalised estimator.
PRESETS = {
    **_RAW,
    **{f"sn{name}": dataclasses.replace(raw, normalize=True) for name, raw in _RAW.items()},
    "simulated": Estimator(model="alone"),
    "calibrated": Estimator(model="difference"),
}


class Values(NamedTuple):
    """A model's values of logged slates, float64."""

    logged: tf.Tensor  # [S, T, J], of what was shown: J = 1 for slates, or by position
    # [S, T, J], the mean under the policy to be judged; by position given the earlier items
    mean: tf.Tensor


class Terms(NamedTuple):
    """A sum, over M terms, of the mean over S sessions of a weight times a value; of normalised
    terms each mean is divided by that of the weight.
    """

    weights: tf.Tensor  # [S, M]
    values: tf.Tensor  # [S, M]

    def session_values(self, normalize: bool) -> tf.Tensor:
        """[S]: their mean is the estimate, and their variance that of the estimate times S. Of
        normalised terms they are the linearised values of ratios.
        """
        weighted = self.weights * self.values
        if not normalize:
            return tf.reduce_sum(weighted, axis=1)
        mean = tf.reduce_mean(self.weights, axis=0)
        ratio = tf.math.divide_no_nan(tf.reduce_mean(weighted, axis=0), mean)
        rest = tf.math.divide_no_nan(self.weights * (self.values - ratio), mean)
        return tf.reduce_sum(ratio + rest, axis=1)


def terms(
    estimator: Estimator,
    log_ratios: SlateLogProbs,
    reward: tf.Tensor,
    discount: tf.Tensor,
    values: Values | None = None,
) -> Terms:
    """The terms of an estimator: M = T J rewards, then as many means of a model.

    Args:
      estimator: weighted.
      log_ratios: log-probabilities under the policy to be judged less those under the logging
        policy, 0 where a session is over.
      reward: float64 [S, T, J], 0 where a session is over.
      discount: float64 [S, T], of the step's reward.
      values: of a model that is subtracted, 0 where a session is over.
    """
    whole = tf.convert_to_tensor(log_ratios.set if estimator.reads == "set" else log_ratios.slate)
    until = tf.cumsum(whole, axis=1)[..., tf.newaxis]
    nothing = tf.zeros_like(until[:, :1])
    before = tf.concat([nothing, until[:, :-1]], axis=1)
    if estimator.reads in ("slate", "set"):
        is_step = estimator.steps == "decision"
        now = until if is_step else tf.zeros_like(until) + until[:, -1:]
        reward = tf.reduce_sum(tf.convert_to_tensor(reward), axis=2, keepdims=True)
    else:
        now = before + getattr(log_ratios, estimator.reads)
        if estimator.reads == "prefix":
            earlier = tf.convert_to_tensor(log_ratios.prefix)[..., :-1]
            before += tf.concat([tf.zeros_like(until), earlier], axis=2)
    factor = tf.convert_to_tensor(discount)[..., tf.newaxis]
    weights = estimator.weights.bend(_exp(now))
    if values is None:
        return Terms(_flat(weights), _flat(factor * reward))
    # Nothing was drawn yet where the weight is 1 by definition.
    is_first = np.zeros(before.shape[1:], bool)
    is_first[0, 0] = True
    of_means = tf.where(is_first, tf.ones_like(before), estimator.weights.bend(_exp(before)))
    return Terms(
        tf.concat([_flat(weights), _flat(of_means)], axis=1),
        tf.concat([_flat(factor * (reward - values.logged)), _flat(factor * values.mean)], axis=1),
    )


def _exp(log_weights: tf.Tensor) -> tf.Tensor:
    return tf.exp(tf.minimum(log_weights, _LARGEST))


def _flat(leaf: tf.Tensor) -> tf.Tensor:
    return tf.reshape(leaf, [leaf.shape[0], -1])
