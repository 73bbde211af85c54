# SPDX-License-Identifier: Apache-2.0
"""Estimators of a policy's value: each is four choices, and the usual ones have names of papers."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import OneOf, checked
from recsim_tf.core.base.types import Observation
from recsim_tf.ope.weights import Weights, normalized_weights

READS = ("slate", "set", "prefix", "position", "linear")  # parts of slates
_CLICK = "click"
STEPS = ("decision", "trajectory", "step")
MODELS = ("none", "baseline", "alone", "difference")
_LARGEST = 1e35  # product of weights over steps, in float64
# A function of observations [B, ...] to bool [B, K, K]: `[b, k, j]` is whether the reward of
# position k depends on the item at j.
Reads = Callable[[Observation], tf.Tensor]
# A function of observations [B, ...] to the numbers of cells, int [B]. Users in the same cell count
# as interchangeable.
Cells = Callable[[Observation], tf.Tensor]


@checked
@dataclasses.dataclass(frozen=True)
class Estimator:
    """An estimator of the mean return under a policy, from sessions under another one.

    Args:
      reads: the items on which the reward of a position depends. "slate": all items in their order;
        "set": all items in any order; "prefix": the items up to the position (cascades);
        "position": the position's item alone; "linear": the reward of a slate is a sum over its
        positions' items (PI, Swaminathan et al. 2017); "click": whether the position's item is
        clicked, so that weights are ratios of click probabilities by a click model (CIPS and CDR,
        Tanaka et al. 2026). Or a function of observations gives the positions, bool [B, K, K]:
        `[b, k, j]` is whether the reward of k depends on the item at j (AIPS, Kiyohara et al.
        2023).
      steps: the steps whose weights are multiplied. "decision": all steps up to the reward (PDIS,
        Precup et al. 2000); "trajectory": the whole session; "step": the step of the reward alone,
        as if policies did not change which users are present. Or a function of observations gives
        cells, int [B], and the weight of the earlier steps is its mean over the sessions in the
        same cell (marginal, Liu et al. 2018, Xie et al. 2019).
      normalize: whether weights are divided by their mean over the sessions, at each step and
        position (Swaminathan & Joachims 2015).
      weights: the bending of weights, after the product over steps.
      model: "none"; "baseline" subtracts a model's values (doubly robust); "alone" is the value of
        a simulated policy; "difference" adds a simulated gain to the log's mean.

    Raises:
      ValueError: for an unknown choice.
    """

    reads: Annotated[str, OneOf((*READS, _CLICK))] | Reads = "slate"
    steps: Annotated[str, OneOf(STEPS)] | Cells = "decision"
    normalize: bool = False
    weights: Weights = dataclasses.field(default_factory=Weights)
    model: Annotated[str, OneOf(MODELS)] = "none"

    def __post_init__(self) -> None:
        if self.steps == "trajectory" and (self.model == "baseline" or self.reads != "slate"):
            raise ValueError(
                'steps must be "decision" with model="baseline" or with reads other than "slate",'
                ' got "trajectory"'
            )
        if self.model == "baseline" and (callable(self.reads) or self.reads == "position"):
            raise ValueError('reads must be slate, set, prefix or linear with model="baseline"')
        if self.reads == _CLICK and (self.steps != "step" or self.normalize):
            raise ValueError(
                'steps must be "step" and normalize False with reads="click", got'
                f" steps={self.steps!r} and normalize={self.normalize}"
            )

    @property
    def is_weighted(self) -> bool:
        """Tells whether the estimator weights slates, which needs their probabilities."""
        return self.model in ("none", "baseline") and not self.weights_clicks

    @property
    def weights_clicks(self) -> bool:
        """Tells whether the estimator weights clicks, which needs a click model."""
        return self.model in ("none", "baseline") and self.reads == _CLICK

    @property
    def assumptions(self) -> int:
        """The strength of the assumptions, from 0 (none about the users) to 3 (a right model)."""
        if not (self.is_weighted or self.weights_clicks):
            return 3
        reads = {"slate": 0, "set": 1, "prefix": 1}.get(str(self.reads), 2)
        steps = {"decision": 0, "trajectory": 0, "step": 2}.get(str(self.steps), 1)
        return max(reads, steps)

    @property
    def reads_all_steps(self) -> bool:
        """Tells whether weights are products over the steps. They then allow policies to change
        which users are present.
        """
        return self.steps in ("decision", "trajectory")


_RAW = {
    "ips": Estimator(),
    "tis": Estimator(steps="trajectory"),
    "iips": Estimator("position"),
    "rips": Estimator("prefix"),
    "set_ips": Estimator("set"),
    "step_ips": Estimator(steps="step"),
    "dr": Estimator(model="baseline"),
    "set_dr": Estimator("set", model="baseline"),
    "cascade_dr": Estimator("prefix", model="baseline"),
    "pi_dr": Estimator("linear", model="baseline"),
}
# The prefix "sn" names the self-normalised form of an estimator.
PRESETS = {
    **_RAW,
    **{f"sn{name}": dataclasses.replace(raw, normalize=True) for name, raw in _RAW.items()},
    "pi": Estimator("linear"),
    "wpi": Estimator("linear", normalize=True),
    "cips": Estimator("click", steps="step"),
    "cdr": Estimator("click", steps="step", model="baseline"),
    "simulated": Estimator(model="alone"),
    "calibrated": Estimator(model="difference"),
}
PresetName = Annotated[str, OneOf(PRESETS)]


class Values(NamedTuple):
    """A model's values of S sessions of T steps, float64; J is 1, or K for values by position."""

    logged: tf.Tensor  # [S, T, J], values of the logged slates
    # [S, T, J], mean values under the policy to be judged; by position given the earlier items
    mean: tf.Tensor


class Terms(NamedTuple):
    """Weights and values of M terms in S sessions.

    The estimate is the sum over the terms of the mean, over the sessions, of weight times value. A
    normalised estimate divides the mean of each term by its mean weight.
    """

    weights: tf.Tensor  # [S, M]
    values: tf.Tensor  # [S, M]

    def session_values(self, normalize: bool) -> tf.Tensor:
        """Values of the sessions, [S]. Their mean is the estimate; their variance divided by S is
        its variance, but for the noise of cells. The values of normalised terms are linearised
        ratios.
        """
        if not normalize:
            return tf.reduce_sum(self.weights * self.values, axis=1)
        weights = normalized_weights(self.weights, tf.reduce_mean(self.weights, axis=0))
        ratio = tf.reduce_mean(weights * self.values, axis=0)
        return tf.reduce_sum(ratio + weights * (self.values - ratio), axis=1)


def terms(
    estimator: Estimator,
    read: Mapping[str, tf.Tensor],
    reward: tf.Tensor,
    discount: tf.Tensor,
    values: Values | None = None,
    counts: tf.Tensor | None = None,
) -> Terms:
    """The terms of an estimator: M = T J rewards, then as many means of a model.

    Args:
      estimator: an estimator with weights.
      read: weights of the single steps by `str(estimator.reads)`, float64 [S, T] or [S, T, K], 1
        after the end of a session; and cells by `str(estimator.steps)`, int32 [S, T].
      reward: float64 [S, T, J], 0 after the end of a session.
      discount: float64 [S, T], the factor of the step's reward.
      values: the values of a model to subtract, 0 after the end of a session.
      counts: float64 [S], how often each session counts in means over cells; by default once.
    """
    now = tf.convert_to_tensor(read[str(estimator.reads)])
    if now.shape.rank == 2:
        now, reward = now[..., tf.newaxis], tf.reduce_sum(reward, axis=2, keepdims=True)
    before, until = _products(
        now[..., 0] if estimator.reads == "set" else _slate_weights(read, now),
        read.get(str(estimator.steps)),
        counts,
    )
    weights = tf.ones_like(before) * until if estimator.steps == "trajectory" else before * now
    weights = estimator.weights.bend(weights)
    factor = tf.convert_to_tensor(discount)[..., tf.newaxis]
    if values is None:
        return Terms(_flat(weights), _flat(factor * reward))
    if estimator.reads == "prefix":
        before *= tf.concat([tf.ones_like(before), now[..., :-1]], axis=2)
    # Before the first draw of a session the weight is 1 by definition.
    is_first = np.zeros(before.shape[1:], bool)
    is_first[0, 0] = True
    of_means = tf.where(is_first, tf.ones_like(before), estimator.weights.bend(before))
    return Terms(
        tf.concat([_flat(weights), _flat(of_means)], axis=1),
        tf.concat([_flat(factor * (reward - values.logged)), _flat(factor * values.mean)], axis=1),
    )


def _products(
    weights: tf.Tensor, cells: tf.Tensor | None, counts: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The products of weights [S, T] over the earlier steps, [S, T, 1], and over all, [S, 1, 1].
    Where cells int32 [S, T] are given, a product is replaced by its mean over the sessions in the
    same cell, each of which counts as often as `counts` [S] says.
    """
    if counts is None:
        counts = tf.ones_like(weights[:, 0])
    before, until = _products_by_step(weights, cells, counts)
    return (
        tf.reshape(tf.transpose(before), [*weights.shape, 1]),
        tf.reshape(until[-1], [weights.shape[0], 1, 1]),
    )


# One graph for logs of all sizes.
@functools.partial(tf.function, autograph=False, reduce_retracing=True)
def _products_by_step(
    weights: tf.Tensor, cells: tf.Tensor | None, counts: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The products of weights [S, T] before each step, and up to and with each step, both [T, S].
    The former are means over cells int32 [S, T] where those are given, weighted by `counts` [S].
    """

    def of_step(earlier: tuple[tf.Tensor, tf.Tensor], now: tuple[tf.Tensor, ...]):
        before, (weight, *cell) = earlier[1], now
        if cell:
            _, number = tf.unique(cell[0])
            totals, sizes = (
                tf.math.unsorted_segment_sum(leaf, number, tf.size(number))
                for leaf in (before * counts, counts)
            )
            before = tf.gather(tf.math.divide_no_nan(totals, sizes), number)
        return before, tf.minimum(before * weight, _LARGEST)

    by_step = tuple(tf.transpose(leaf) for leaf in (weights, cells) if leaf is not None)
    ones = tf.ones_like(weights[:, 0])
    return tf.scan(of_step, by_step, (ones, ones))


def _slate_weights(read: Mapping[str, tf.Tensor], weights: tf.Tensor) -> tf.Tensor:
    """The weights of slates [S, T]. They are 1 where `read` lacks them, which only sessions of one
    step may.
    """
    return tf.convert_to_tensor(read["slate"]) if "slate" in read else tf.ones_like(weights[..., 0])


def _flat(leaf: tf.Tensor) -> tf.Tensor:
    return tf.reshape(leaf, [leaf.shape[0], -1])
