"""What estimators read of a log: weights by session, step and position, rewards and discounts."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.base.validation import check_one_of
from recsim_tf.logs.densities import densities, log_probs, walk, where_active
from recsim_tf.logs.log import Log, SlateLogProbs, users_of
from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.estimators import PRESETS, Estimator, Terms, Values, terms
from recsim_tf.ope.pseudo_inverse import linear_weights, sessions_at_once, subset_log_probs
from recsim_tf.ope.weights import importance_weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.means import Mean

# Readings of rewards that assume less, by name; of any other the slate.
_WEAKER: dict[str, tuple[str, ...]] = {"slate": (), "position": ("slate", "prefix")}
# Standard errors that nested estimators may differ by.
_ERRORS = 2.0


class Sample(NamedTuple):
    """What estimators read of S sessions, arrays or tensors."""

    read: dict[str, Any]  # as of `estimators.terms`; what is not known is not there
    reward: Any  # float64 [S, T, J], 0 where a session is over
    discount: Any  # float64 [S, T], of the step's reward
    users: Any = ()  # int [S], whose sessions they are, () where each has a user of its own

    @property
    def num_steps(self) -> int:
        """T."""
        return self.discount.shape[1]

    @property
    def returns(self) -> np.ndarray:
        """[S]: of the log."""
        return (self.reward.sum(2) * self.discount).sum(1)

    def terms(self, estimator: Estimator, values: Values | None = None) -> Terms:
        """See `estimators.terms`."""
        return terms(estimator, self.read, self.reward, self.discount, values)

    def session_values(self, estimator: Estimator, values: Values | None = None) -> np.ndarray:
        """[S]: see `Terms.session_values`."""
        return self.terms(estimator, values).session_values(estimator.normalize).numpy()

    def weights(self, estimator: Estimator) -> WeightDiagnostics:
        """Diagnostics of the weights of rewards."""
        return WeightDiagnostics.of(self.terms(estimator).weights.numpy(), self.num_steps)

    def reading(self, normalize: bool = True) -> str:
        """What rewards may be taken to depend on: the strongest assumption of slate, prefix and
        position from which estimates do not differ by more than 2 standard errors of the
        difference, session by session, nor do those before it.
        """
        accepted: list[str] = []
        for reads in ("slate", "prefix", "position"):
            one = Estimator(reads, normalize=normalize)
            if self.lacks(one) or self.contradiction(one):
                break
            accepted.append(reads)
        return accepted[-1] if accepted else "slate"

    def contradiction(self, estimator: Estimator) -> str:
        """Why the log contradicts what an estimator reads; "" if it does not."""
        # The assumption is the same with weights that are normalised, which tell of it more surely.
        estimator = dataclasses.replace(estimator, model="none", normalize=True)
        others = [
            dataclasses.replace(estimator, reads=reads)
            for reads in _WEAKER.get(str(estimator.reads), ("slate",))
        ]
        if not estimator.reads_all_steps and self._tells_of_steps:
            others.append(dataclasses.replace(estimator, steps="decision"))
        known = [other for other in others if not self.lacks(other)]
        # A log with probabilities of slates alone has nothing to compare with.
        own = self.session_values(estimator) if known else np.zeros(0)
        for other in known:
            weaker = self.session_values(other)
            difference = own - weaker
            gap = Mean.of(difference, None if isinstance(self.users, tuple) else self.users)
            if abs(gap.value) > _ERRORS * gap.standard_error + 1e-9 * abs(own.mean()):
                part = gap.value / weaker.mean() if weaker.mean() else np.inf
                what = getattr(estimator.reads, "__name__", estimator.reads)
                assumed = f"rewards depend on the {what} alone"
                beside = f"the {other.reads}"
                if what == "linear":
                    assumed = "rewards are sums"
                if other.steps != estimator.steps:
                    assumed, beside = "policies do not change who is there", "products over steps"
                return (
                    f"the log contradicts that {assumed}: {part:+.0%} against {beside},"
                    f" {abs(gap.value) / gap.standard_error:.1f} standard errors"
                )
        return ""

    @property
    def _tells_of_steps(self) -> bool:
        """Whether products of weights over steps are good enough to test an estimator without."""
        return self.num_steps > 1 and not (
            self.lacks(Estimator())
            or self.weights(Estimator()).heaviness()
            or self.weights(Estimator()).care()
        )

    def untested(self, estimator: Estimator) -> str:
        """Which assumption about steps the log cannot test; "" for none."""
        if estimator.reads_all_steps or self.num_steps == 1 or self._tells_of_steps:
            return ""
        return "the log cannot tell whether policies change who is there"

    def lacks(self, estimator: Estimator) -> str:
        """What the log lacks for an estimator, in words; "" for nothing."""
        # Sessions of one step have no weights of earlier slates.
        needed = ("slate", estimator.reads) if self.num_steps > 1 else (estimator.reads,)
        for reads in needed:
            if reads in SlateLogProbs._fields and reads not in self.read:
                return f"probabilities of the {reads}, in the log and of the policy"
        if str(estimator.reads) not in self.read:
            return "policy and logging, StochasticPolicies whose distributions have marginals"
        if callable(estimator.steps) and str(estimator.steps) not in self.read:
            return "a policy, got None"
        of_reading = self.read[str(estimator.reads)]
        if of_reading.ndim == 3 and of_reading.shape[2] != self.reward.shape[2]:
            return "rewards by position"
        return ""


def gather(
    policy: Any,
    log: Any,
    estimators: Collection[Estimator],
    gamma: float = 1.0,
    logging: Any = None,
    seed: int = 0,
) -> Sample:
    """The sample of a log, of arrays.

    Args:
      policy: a `StochasticPolicy`, or None where the log has its probabilities.
      log: a `Log`, or what has `pieces()` that are.
      estimators: those that have weights.
      gamma: discount of each step.
      logging: the policy that logged, for what is read of all its slates, and for the
        probabilities where the log has none; or None.
      seed: of draws of slates where there are too many.

    Raises:
      ValueError: for a bad log, a policy without a density, or a logging policy without chance.
    """
    of_piece = _reader(policy, estimators, gamma, logging, seed)
    is_known = estimators and isinstance(logging, StochasticPolicy)
    of_logging = densities(logging, _wanted(estimators), "logging") if is_known else None
    samples, shows_others = [], False
    for piece in log.pieces():
        piece.require("ope.evaluate", "slate", "reward")
        if of_logging is not None and not tf.nest.flatten(piece.propensity):
            piece = piece._replace(propensity=of_logging(piece))
        sample = of_piece(piece.check())
        samples.append(tf.nest.map_structure(lambda leaf: leaf.numpy(), sample))
        for name, found in samples[-1].read.items():
            wrong = np.argwhere(np.isnan(found))
            if len(wrong) and name in SlateLogProbs._fields:
                raise ValueError(
                    f"policy must give each slate a probability, got NaN for the {name} at session"
                    f" {wrong[0][0]}, step {wrong[0][1]}: are its logits finite?"
                )
            if len(wrong):
                raise ValueError(
                    f"logging must show slates without repetition, of at most 5,000 where positions"
                    f" are read that are neither the first ones nor a single one, for {name}"
                )
        logged = piece.propensity.slate
        shows_others |= isinstance(logged, tuple) or bool((logged[piece.active] < 0).any())
    if estimators and not shows_others:
        raise ValueError(
            "logging must be of a policy that shows different slates, for estimators with weights,"
            " got one that shows one slate only: take simulated or calibrated"
        )
    sample = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *samples)
    return sample._replace(users=users_of([piece.labels for piece in log.pieces()]))


def value(
    policy: StochasticPolicy,
    log: Any,
    estimator: str | Estimator = "snips",
    gamma: float = 1.0,
    logging: Any = None,
) -> tf.Tensor:
    """The estimate of the mean return under a policy, a scalar of float64 that is differentiable in
    the variables of the policy, to learn from a log.

        better = ope.Estimator(normalize=True, weights=ope.Weights(cap=5.0))
        with tf.GradientTape() as tape:
            loss = -ope.value(policy, log, better)

    Args:
      policy, gamma, logging: as of `evaluate`.
      log: a `Log` or a batch of its sessions, of arrays or tensors, which is not checked; or what
        has `pieces()`.
      estimator: without a model, by its name in `PRESETS` or itself.

    Raises:
      ValueError: for an estimator with a model, an unknown one, or one that needs what is lacking.
    """
    if isinstance(estimator, str):
        check_one_of(PRESETS, estimator=estimator)
        estimator = PRESETS[estimator]
    check_one_of(["none"], model=estimator.model)
    of_piece = _reader(policy, [estimator], gamma, logging, 0)
    samples = [of_piece(piece) for piece in log.pieces()]
    sample = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *samples)
    lacking = sample.lacks(estimator)
    if lacking:
        raise ValueError(f"estimator needs {lacking}")
    return tf.reduce_mean(sample.terms(estimator).session_values(estimator.normalize))


def _wanted(estimators: Collection[Estimator]) -> set[str]:
    """What estimators read, and what those read that assume less."""
    reads = {str(one.reads) for one in estimators}
    return reads.union(*(_WEAKER.get(one, ("slate",)) for one in reads))


def _reader(
    policy: Any, estimators: Collection[Estimator], gamma: float, logging: Any, seed: int
) -> Callable[[Log], Sample]:
    """A function from logs to samples of tensors, differentiable in the policy's variables."""
    reads: dict[str, Any] = {str(one.reads): one.reads for one in estimators}
    cells = {str(one.steps): one.steps for one in estimators if callable(one.steps)}
    wanted = _wanted(estimators)
    names = wanted & set(SlateLogProbs._fields)
    others = wanted - names
    policies = {"policy": policy}
    if others and isinstance(logging, StochasticPolicy):
        policies["logging"] = logging

    def of_step(
        distributions: Sequence, seen: Observation, shown: Nest, step: Any, rows: tf.Tensor
    ):
        target, *logged = distributions
        found = {name: function(seen) for name, function in cells.items()}
        found |= log_probs(target, shown, names)
        if logged and all(hasattr(one, "marginals") for one in distributions):
            for name in others:
                if name == "linear":
                    own_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
                    found[name] = linear_weights(target, logged[0], shown, own_seed)
                else:
                    positions = reads[name](seen)
                    both = (subset_log_probs(one, shown, positions) for one in (target, *logged))
                    found[name] = importance_weights(*both)
        return found

    walked = None if policy is None or not names else walk(policies, of_step)

    def of_piece(log: Log) -> Sample:
        if walked is None:
            found = {
                name: one
                for name, one in log.target._asdict().items()
                if not isinstance(one, tuple)
            }
        elif len(policies) == 2 and log.observation:
            number = tf.nest.flatten(log.observation.documents)[0].shape[2]
            found = walked(log, sessions_at_once(number, log.slate.shape[2]))
        else:
            found = walked(log)
        read = {"step": tf.cast(log.active, tf.int32)}
        for name, one in found.items():
            logged = getattr(log.propensity, name, ())
            if name in cells:
                # Who is gone is in a cell of his own.
                read[name] = where_active(log.active, tf.cast(one, tf.int32), tf.int32.min)
            elif name in others:
                read[name] = where_active(log.active, one, 1)
            elif name in names and not isinstance(logged, tuple):
                ratio = importance_weights(*(tf.cast(each, tf.float64) for each in (one, logged)))
                read[name] = where_active(log.active, ratio, 1)
        discount = tf.cast(log.discounts(gamma), tf.float64)
        earned = where_active(log.active, tf.cast(log.reward, tf.float64), 0)
        return Sample(read, earned, tf.math.cumprod(discount, axis=1, exclusive=True))

    return of_piece
