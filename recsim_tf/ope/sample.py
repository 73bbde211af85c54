# SPDX-License-Identifier: Apache-2.0
"""The sample of a log: weights by session, step and position, rewards and discounts."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Fraction, checked, require
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.densities import densities, log_probs, walk, where_active
from recsim_tf.logs.log import Log, SlateLogProbs, users_of
from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.estimators import PRESETS, Estimator, PresetName, Terms, Values, terms
from recsim_tf.ope.pseudo_inverse import linear_weights, sessions_at_once, subset_log_probs
from recsim_tf.ope.weights import importance_weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.means import Mean

# For each value of `Estimator.reads`, the values that assume less; "slate" for those not listed.
_WEAKER: dict[str, tuple[str, ...]] = {"slate": (), "position": ("slate", "prefix")}
_ERRORS = 2.0  # standard errors by which nested estimators may differ
# The largest standard error of such a difference, in standard errors of the estimate, that can show
# a bias by which the interval would miss the truth too often (benchmarks/verdicts.py).
_PRECISE = 0.5
_STEPS_ASSUMED = "policies do not change which users are present"


class _Test(NamedTuple):
    """The difference of an estimate from the estimate of an estimator that assumes less."""

    assumed: str  # the assumption, in words
    weaker: str  # what the other estimator is based on, in words
    gap: Mean
    weaker_value: float


class Sample(NamedTuple):
    """The inputs of estimators from S sessions, arrays or tensors."""

    read: dict[str, Any]  # the argument of `estimators.terms`, without unknown weights
    reward: Any  # float64 [S, T, J], 0 after the end of a session
    discount: Any  # float64 [S, T], the factor of the step's reward
    users: Any = ()  # int [S], the user of each session; () where no user has several sessions

    @property
    def num_steps(self) -> int:
        """The number of steps T."""
        return self.discount.shape[1]

    @property
    def returns(self) -> np.ndarray:
        """The discounted returns of the logged sessions, [S]."""
        return (self.reward.sum(2) * self.discount).sum(1)

    def terms(self, estimator: Estimator, values: Values | None = None) -> Terms:
        """The terms of an estimator, see `estimators.terms`."""
        return terms(estimator, self.read, self.reward, self.discount, values)

    def session_values(self, estimator: Estimator, values: Values | None = None) -> np.ndarray:
        """Values of the sessions, [S]. Their mean is the estimate; their variance divided by S is
        its variance, also where means over cells of sessions are noisy.
        """
        if str(estimator.steps) not in self.read:
            return self.terms(estimator, values).session_values(estimator.normalize).numpy()
        counts = tf.ones([len(self.discount)], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(counts)
            cells = terms(estimator, self.read, self.reward, self.discount, values, counts)
            sessions = cells.session_values(estimator.normalize)
            estimate = tf.reduce_mean(sessions)
        # The change of the estimate with the count of each session in its cells. Its mean is 0,
        # since only shares matter.
        influence = tape.gradient(estimate, counts)
        return (sessions + len(self.discount) * influence).numpy()

    def weights(self, estimator: Estimator) -> WeightDiagnostics:
        """Diagnostics of the weights of rewards."""
        return WeightDiagnostics.of(self.terms(estimator).weights.numpy(), self.num_steps)

    def reading(self, normalize: bool = True) -> str:
        """The strongest assumption on rewards that the log does not contradict.

        The assumptions "slate", "prefix" and "position" are tried in this order, up to the first
        one whose estimate differs from a weaker one by more than 2 standard errors of the
        difference, paired by session.
        """
        accepted: list[str] = []
        for reads in ("slate", "prefix", "position"):
            estimator = Estimator(reads, normalize=normalize)
            if self.missing_input(estimator) or self.contradiction(estimator):
                break
            accepted.append(reads)
        return accepted[-1] if accepted else "slate"

    def contradiction(self, estimator: Estimator) -> str:
        """A description of the log's evidence against an estimator's assumptions; "" for none."""
        return self.test_assumptions(estimator)[0]

    def test_assumptions(self, estimator: Estimator) -> tuple[str, str]:
        """Descriptions of the log's evidence against an estimator's assumptions, and of an
        assumption that the log cannot test as precisely as the estimate seems to be; "" for none.
        """
        tests = self._tests(estimator)
        for assumed, weaker, gap, value in tests:
            if abs(gap.value) > _ERRORS * gap.standard_error + 1e-9 * abs(value):
                part = gap.value / value if value else np.inf
                contradiction = (
                    f"the log contradicts that {assumed}: {part:+.0%} against {weaker},"
                    f" {gap.distance:.1f} standard errors"
                )
                return contradiction, ""
        if not estimator.reads_all_steps and self.num_steps > 1 and not self._can_test_steps:
            return "", f"the log cannot tell whether {_STEPS_ASSUMED}"
        if not tests and estimator.reads != "slate":
            return "", f"the log cannot tell whether {_assumed(estimator)}"
        if not tests:
            return "", ""
        error = self._mean(self.session_values(estimator) - self.returns).standard_error
        for assumed, _, gap, value in tests:
            if gap.standard_error > _PRECISE * error + 1e-9 * abs(value):
                part = abs(_ERRORS * gap.standard_error / value) if value else np.inf
                bound = f"\N{PLUS-MINUS SIGN}{part:.0%}"
                return "", f"it assumes that {assumed}, which the log tests only to {bound}"
        return "", ""

    def _tests(self, estimator: Estimator) -> list["_Test"]:
        """Comparisons with estimators that assume less, where the log has their probabilities."""
        # Normalised weights make the same assumption, and test it with less noise.
        estimator = dataclasses.replace(estimator, model="none", normalize=True)
        weaker_estimators = [
            dataclasses.replace(estimator, reads=reads)
            for reads in _WEAKER.get(str(estimator.reads), ("slate",))
        ]
        if not estimator.reads_all_steps and self._can_test_steps:
            weaker_estimators.append(dataclasses.replace(estimator, steps="decision"))
        computable = [each for each in weaker_estimators if not self.missing_input(each)]
        values = self.session_values(estimator) if computable else np.zeros(0)
        tests = []
        for weaker in computable:
            weaker_values = self.session_values(weaker)
            assumed, beside = _assumed(estimator), f"the {weaker.reads}"
            if weaker.steps != estimator.steps:
                assumed, beside = _STEPS_ASSUMED, "products over steps"
            gap = self._mean(values - weaker_values)
            tests.append(_Test(assumed, beside, gap, weaker_values.mean()))
        return tests

    def _mean(self, sessions: np.ndarray) -> Mean:
        return Mean.of(sessions, None if isinstance(self.users, tuple) else self.users)

    @property
    def _can_test_steps(self) -> bool:
        """True if products of weights over steps are precise enough to test other estimators."""
        if self.num_steps == 1 or self.missing_input(Estimator()):
            return False
        weights = self.weights(Estimator())
        warning = weights.warning_of_few_effective_sessions()
        return not (warning or weights.warning_of_narrow_intervals())

    def missing_input(self, estimator: Estimator) -> str:
        """A description of an input that the estimator needs and the log lacks; "" for none."""
        # Sessions of one step have no weights of earlier slates.
        needed = ("slate", estimator.reads) if self.num_steps > 1 else (estimator.reads,)
        for reads in needed:
            if reads in SlateLogProbs._fields and reads not in self.read:
                return f"probabilities of the {reads}, in the log and of the policy"
        if str(estimator.reads) not in self.read:
            return "policy and logging, StochasticPolicies whose distributions have marginals"
        if callable(estimator.steps) and str(estimator.steps) not in self.read:
            return "a policy, got None"
        weights = self.read[str(estimator.reads)]
        if weights.ndim == 3 and weights.shape[2] != self.reward.shape[2]:
            return "rewards by position"
        return ""


def _assumed(estimator: Estimator) -> str:
    """The assumption of an estimator on the rewards of slates, in words."""
    if estimator.reads == "linear":
        return "rewards are sums"
    reads = getattr(estimator.reads, "__name__", estimator.reads)
    return f"rewards depend on the {reads} alone"


def gather(
    policy: Any,
    log: Any,
    estimators: Collection[Estimator],
    gamma: float = 1.0,
    logging: Any = None,
    seed: int = 0,
) -> Sample:
    """The sample of a log, with arrays.

    Args:
      policy: a `StochasticPolicy`, or None where the log has its probabilities.
      log: a `Log`, or an object whose `pieces()` are logs.
      estimators: the estimators with weights.
      gamma: discount of each step.
      logging: the policy that logged, or None. It is read where weights need the distribution of
        all its slates, and where the log has no probabilities.
      seed: the seed of draws of slates, where there are too many to enumerate.

    Raises:
      ValueError: for a bad log, a policy without a density, or a deterministic logging policy.
    """
    to_sample = _sampler(policy, estimators, gamma, logging, seed)
    has_density = estimators and isinstance(logging, StochasticPolicy)
    propensities = densities(logging, _all_reads(estimators), "logging") if has_density else None
    samples, shows_others = [], False
    for piece in log.pieces():
        piece.require("ope.evaluate", "slate", "reward")
        if propensities is not None and not tf.nest.flatten(piece.propensity):
            piece = piece._replace(propensity=propensities(piece))
        sample = to_sample(piece.check())
        samples.append(tf.nest.map_structure(lambda leaf: leaf.numpy(), sample))
        for name, weights in samples[-1].read.items():
            wrong = np.argwhere(np.isnan(weights))
            if len(wrong) and name in SlateLogProbs._fields:
                raise ValueError(
                    f"policy must give each slate a probability, got NaN for the {name} at session"
                    f" {wrong[0][0]}, step {wrong[0][1]}: are its logits finite?"
                )
            if len(wrong):
                raise ValueError(
                    f"logging must show slates without repetition for {name}, and at most 5,000"
                    f" different slates if {name} reads positions other than the first ones or a"
                    f" single one"
                )
        logged = piece.propensity.slate
        shows_others |= isinstance(logged, tuple) or bool((logged[piece.active] < 0).any())
    if estimators and not shows_others:
        raise ValueError(
            "logging must be a policy that shows different slates, for estimators with weights, got"
            " a policy that shows a single slate: use simulated or calibrated"
        )
    sample = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *samples)
    return sample._replace(users=users_of([piece.labels for piece in log.pieces()]))


@checked
def value(
    policy: StochasticPolicy,
    log: Any,
    estimator: PresetName | Estimator = "snips",
    gamma: Fraction = 1.0,
    logging: Any = None,
) -> tf.Tensor:
    """The estimate of the mean return under a policy, a scalar of float64. It is differentiable in
    the variables of the policy, so that a policy can learn from a log.

        better = ope.Estimator(normalize=True, weights=ope.Weights(cap=5.0))
        with tf.GradientTape() as tape:
            loss = -ope.value(policy, log, better)

    Args:
      policy, gamma, logging: see `evaluate`.
      log: a `Log` or a batch of its sessions, of arrays or tensors, whose numbers are not checked;
        or an object whose `pieces()` are logs, or the result of a reader.
      estimator: an estimator without a model, or its name in `PRESETS`.

    Raises:
      ValueError: for an estimator with a model, an unknown name, a gamma outside [0, 1], a log
        without slates or rewards, or an estimator whose inputs are incomplete.
    """
    if isinstance(estimator, str):
        estimator = PRESETS[estimator]
    require("model", estimator.model, Literal["none"])
    if estimator.weights_clicks:
        raise ValueError(
            'reads must not be "click", which needs a model, got an estimator of clicks'
        )
    to_sample = _sampler(policy, [estimator], gamma, logging, 0)
    log = log if hasattr(log, "pieces") else log_of("log", log)
    samples = [to_sample(piece.require("ope.value", "slate", "reward")) for piece in log.pieces()]
    sample = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *samples)
    if missing := sample.missing_input(estimator):
        raise ValueError(f"estimator needs {missing}")
    return tf.reduce_mean(sample.terms(estimator).session_values(estimator.normalize))


def _all_reads(estimators: Collection[Estimator]) -> set[str]:
    """The values of `reads` of the estimators, and of the estimators with weaker assumptions."""
    reads = {str(estimator.reads) for estimator in estimators}
    return reads.union(*(_WEAKER.get(name, ("slate",)) for name in reads))


def _sampler(
    policy: Any, estimators: Collection[Estimator], gamma: float, logging: Any, seed: int
) -> Callable[[Log], Sample]:
    """A function from logs to samples of tensors, differentiable in the policy's variables."""
    reads: dict[str, Any] = {str(each.reads): each.reads for each in estimators}
    cells = {str(each.steps): each.steps for each in estimators if callable(each.steps)}
    all_reads = _all_reads(estimators)
    names = all_reads & set(SlateLogProbs._fields)
    # Weights that need the logging policy's distribution of all slates.
    joint = all_reads - names
    policies = {"policy": policy}
    if joint and isinstance(logging, StochasticPolicy):
        policies["logging"] = logging

    def of_step(
        distributions: Sequence, seen: Observation, shown: Nest, step: Any, rows: tf.Tensor
    ):
        target, *logged = distributions
        values = {name: function(seen) for name, function in cells.items()}
        values |= log_probs(target, shown, names)
        if logged and all(hasattr(each, "marginals") for each in distributions):
            for name in joint:
                if name == "linear":
                    step_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
                    values[name] = linear_weights(target, logged[0], shown, step_seed)
                else:
                    positions = reads[name](seen)
                    both = (subset_log_probs(each, shown, positions) for each in (target, *logged))
                    values[name] = importance_weights(*both)
        return values

    walked = None if policy is None or not names else walk(policies, of_step)

    def to_sample(log: Log) -> Sample:
        if walked is None:
            values = {
                name: value
                for name, value in log.target._asdict().items()
                if not isinstance(value, tuple)
            }
        elif len(policies) == 2 and log.observation:
            number = tf.nest.flatten(log.observation.documents)[0].shape[2]
            values = walked(log, sessions_at_once(number, log.slate.shape[2]))
        else:
            values = walked(log)
        read = {"step": tf.cast(log.active, tf.int32)}
        for name, value in values.items():
            logged = getattr(log.propensity, name, ())
            if name in cells:
                # Users whose session is over share a cell that no present user is in.
                read[name] = where_active(log.active, tf.cast(value, tf.int32), tf.int32.min)
            elif name in joint:
                read[name] = where_active(log.active, value, 1)
            elif name in names and not isinstance(logged, tuple):
                ratio = importance_weights(*(tf.cast(each, tf.float64) for each in (value, logged)))
                read[name] = where_active(log.active, ratio, 1)
        discount = tf.cast(log.discounts(gamma), tf.float64)
        reward = where_active(log.active, tf.cast(log.reward, tf.float64), 0)
        return Sample(read, reward, tf.math.cumprod(discount, axis=1, exclusive=True))

    return to_sample
