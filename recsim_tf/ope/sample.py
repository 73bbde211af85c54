"""What estimators read of a log: weights by session, step and position, rewards and discounts."""

import dataclasses
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.ope.densities import densities
from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.estimators import Estimator, Terms, Values, terms
from recsim_tf.ope.log import Log, SlateLogProbs
from recsim_tf.policies.stochastic import StochasticPolicy

# Readings of rewards that assume less.
WEAKER: dict[str, tuple[str, ...]] = {
    "slate": (),
    "set": ("slate",),
    "prefix": ("slate",),
    "position": ("slate", "prefix"),
}
# Standard errors that nested estimators may differ by.
_ERRORS = 2.0


class Sample(NamedTuple):
    """What estimators read of S sessions, float64; 0 where a session is over."""

    log_ratios: SlateLogProbs  # log-probabilities under the policy to be judged less logged ones
    reward: np.ndarray  # [S, T, J]
    discount: np.ndarray  # [S, T], of the step's reward

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
        return terms(estimator, self.log_ratios, self.reward, self.discount, values)

    def session_values(self, estimator: Estimator, values: Values | None = None) -> np.ndarray:
        """[S]: see `Terms.session_values`."""
        return self.terms(estimator, values).session_values(estimator.normalize).numpy()

    def weights(self, estimator: Estimator) -> WeightDiagnostics:
        """Diagnostics of the weights of rewards."""
        return WeightDiagnostics.of(self.terms(estimator).weights.numpy())

    def reading(self, normalize: bool = True) -> str:
        """What rewards may be taken to depend on: the strongest assumption of slate, prefix and
        position from which estimates do not differ by more than 2 standard errors of the
        difference, session by session, nor do those before it.
        """
        accepted: list[str] = []
        for reads in ("slate", "prefix", "position"):
            if self.lacks(reads) or self.contradiction(Estimator(reads, normalize=normalize)):
                break
            accepted.append(reads)
        return accepted[-1] if accepted else "slate"

    def contradiction(self, estimator: Estimator) -> str:
        """Why the log contradicts what an estimator reads; "" if it does not."""
        estimator = dataclasses.replace(estimator, model="none")
        own = self.session_values(estimator)
        for reads in WEAKER[estimator.reads]:
            if self.lacks(reads):
                continue
            weaker = self.session_values(dataclasses.replace(estimator, reads=reads))
            difference = own - weaker
            error = difference.std(ddof=1) / np.sqrt(len(own))
            if abs(difference.mean()) > _ERRORS * error + 1e-9 * abs(own.mean()):
                part = difference.mean() / weaker.mean() if weaker.mean() else np.inf
                return (
                    f"the log contradicts that rewards depend on the {estimator.reads} alone:"
                    f" {part:+.0%} against the {reads}, {abs(difference.mean()) / error:.1f}"
                    " standard errors"
                )
        return ""

    def lacks(self, reads: str) -> str:
        """What the log lacks for a reading, in words; "" for nothing."""
        if isinstance(getattr(self.log_ratios, reads), tuple):
            return f"probabilities of the {reads}, in the log and of the policy"
        of_reading = getattr(self.log_ratios, reads)
        if of_reading.ndim == 3 and of_reading.shape[2] != self.reward.shape[2]:
            return "rewards by position"
        return ""


def gather(
    policy: Any, log: Any, names: Collection[str], gamma: float, logging: Any = None
) -> Sample:
    """The sample of a log.

    Args:
      policy: a `StochasticPolicy`, or None where the log has its probabilities.
      log: a `Log`, or what has `pieces()` that are.
      names: fields of `SlateLogProbs` that are read; none where no weights are.
      gamma: discount of each step.
      logging: the policy that logged, which is asked where the log has no probabilities; or None.

    Raises:
      ValueError: for a bad log, a policy without a density, or a logging policy without chance.
    """
    density = None if policy is None or not names else densities(policy, names)
    known = names and isinstance(logging, StochasticPolicy)
    of_logging = densities(logging, names, "logging") if known else None
    samples, shows_others = [], False
    for piece in log.pieces():
        if of_logging is not None and not tf.nest.flatten(piece.logging):
            piece = piece._replace(logging=of_logging(piece))
        samples.append(_sample(piece.check(), density, names, gamma))
        logged = piece.logging.slate
        shows_others |= isinstance(logged, tuple) or bool((logged[piece.active] < 0).any())
    if names and not shows_others:
        raise ValueError(
            "logging must be of a policy that shows different slates, for estimators with weights,"
            " got one that shows one slate only: take simulated or calibrated"
        )
    return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *samples)


def _sample(log: Log, density: Any, names: Collection[str], gamma: float) -> Sample:
    target = log.target if density is None else density(log)
    ratios = {
        name: log.where_active(np.subtract(one, other, dtype=np.float64))
        for name in names
        if not isinstance(one := getattr(target, name), tuple)
        and not isinstance(other := getattr(log.logging, name), tuple)
    }
    after = np.cumprod(log.discounts(gamma), axis=1)
    discount = np.concatenate([np.ones_like(after[:, :1]), after[:, :-1]], axis=1)
    return Sample(SlateLogProbs(**ratios), log.earned, discount)
