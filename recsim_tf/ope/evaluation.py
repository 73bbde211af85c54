"""What a policy would have earned, judged from the sessions of another one."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import (
    FRACTION,
    check_at_least,
    check_numbers,
    check_one_of,
    check_type,
)
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.densities import missing_support
from recsim_tf.logs.log import Sessions
from recsim_tf.ope.diagnostics import few_that_earn
from recsim_tf.ope.estimators import PRESETS, Estimator, Values
from recsim_tf.ope.logged_policy import LoggedPolicy
from recsim_tf.ope.results import Estimate, Result, Results
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.ope.simulated import Simulated, Simulations
from recsim_tf.ope.values import QModel, Regression, SimulatedQ, values_of
from recsim_tf.ope.weights import Weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.verdicts import Verdict

# Parts of the weight, or of the slates, that are not worth a word.
_CUT = 0.01


def evaluate(
    policy: Any,
    log: Any,
    estimators: Sequence[str] | Mapping[str, Estimator] = ("snips",),
    *,
    model: Any = None,
    logging: Any = None,
    q: QModel | None = None,
    gamma: float = 1.0,
    level: float = 0.95,
    num_simulated: int = 10_000,
    seed: int = 0,
) -> Result:
    """Estimates the mean return of a policy from the sessions of another one.

        log = logs.from_trajectory(trajectory, simulator, logging=old_policy)
        result = ope.evaluate(
            new_policy, log, ("snips", "calibrated"), model=fitted, logging=old_policy
        )
        print(result)

    Args:
      policy: to judge. Estimators with weights need a `StochasticPolicy`, or None where the log has
        its probabilities.
      log: a `Log`, or what has `pieces()` that are.
      estimators: names of `PRESETS`, or estimators by names of their own.
      model: of the users, see `Simulations`; what simulated, calibrated and dr read.
      logging: the policy that logged, to be simulated; pi and estimators that read by a function
        need its distribution. Where the log has no probabilities they are those of this policy, and
        the verdicts of one by `fit_logging` say so.
      q: values of slates, which dr subtracts; by default `SimulatedQ` of the model, or without a
        model `Regression`.
      gamma: discount of each step, in [0, 1], beside that of the log.
      level: of the intervals, in (0, 1).
      num_simulated: sessions of a simulation.
      seed: of all that is drawn, an integer.

    Raises:
      ValueError: for a number out of range, an unknown estimator, a bad log, or where an estimator
        needs what was not given, or what the log or the policy lacks.
    """
    options = {"model": model, "logging": logging, "q": q, "gamma": gamma, "level": level}
    options |= {"num_simulated": num_simulated, "seed": seed}
    return compare({"": policy}, log, estimators, **options)[""]


def compare(
    policies: Mapping[str, Any],
    log: Any,
    estimators: Sequence[str] | Mapping[str, Estimator] = ("snips",),
    *,
    model: Any = None,
    logging: Any = None,
    q: QModel | None = None,
    gamma: float = 1.0,
    level: float = 0.95,
    num_simulated: int = 10_000,
    seed: int = 0,
) -> Results:
    """Estimates the mean returns of several policies from one log, and their differences.

        results = ope.compare({"sharper": sharper, "new": new}, log, ("snips", "sniips"))
        estimator, gain = results.difference("sharper", "new")

    Args:
      policies: to judge, by name.
      log, estimators, model, logging, q, gamma, level, num_simulated, seed: as of `evaluate`.
        Simulations of all policies begin with the same seed, so that their differences are paired
        by session too.

    Raises:
      ValueError: as `evaluate`.
    """
    if not isinstance(policies, Mapping):
        raise ValueError(
            f"policies must be policies by name, {{'name': policy}}, got {type(policies).__name__}"
        )
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    chosen = chosen_estimators(estimators)
    check_numbers(Range(above=0, below=1), level=level)
    simulations = functools.cache(
        lambda: Simulations(model, logging, log, num_simulated, seed, gamma)
    )
    results = Results()
    for name, policy in policies.items():
        judged = Judged(policy, log, chosen, model, logging, q, gamma, seed, simulations)
        results[name] = _result(judged, level)
    return results


def _result(judged: "Judged", level: float) -> Result:
    """All estimates for a policy."""
    sample = judged.sample
    check_at_least(2, num_sessions=len(sample.reward))
    result = Result(
        (name, judged.estimate(name, estimator, level))
        for name, estimator in judged.estimators.items()
    )
    result.level = level
    logged = Estimate.of_sessions(sample.returns, level, users=sample.users)
    result.logged = logged._replace(verdict=Verdict("logged"))
    result.weights = None if sample.lacks(Estimator()) else sample.weights(Estimator())
    result.reading = sample.reading()
    return result


@dataclasses.dataclass
class Judged:
    """What estimators need of a policy and a log, computed when it is first needed; arguments are
    those of `evaluate`, and a function that makes the simulations.
    """

    policy: Any
    log: Any
    estimators: Mapping[str, Estimator]
    model: Any
    logging: Any
    q: QModel | None
    gamma: float
    seed: int
    simulations: Callable[[], Simulations]

    @functools.cached_property
    def sample(self) -> Sample:
        """All sessions."""
        check_numbers(FRACTION, gamma=self.gamma)
        weighted = [one for one in self.estimators.values() if one.is_weighted]

        def read(estimators: Sequence[Estimator]) -> Sample:
            return gather(self.policy, self.log, estimators, self.gamma, self.logging, self.seed)

        if len(weighted) < len(self.estimators):
            # Weights check models, where the log and both policies have probabilities. A policy
            # that is not for this log can raise anything, and is refused later.
            with contextlib.suppress(Exception):
                return read([*weighted, Estimator()])
        return read(weighted)

    @functools.cached_property
    def _simulated(self) -> Simulated:
        return self.simulations().of(self.policy)

    @functools.cached_property
    def _values(self) -> Callable[[bool], Values]:
        simulator = getattr(self.model, "simulator", self.model)
        q = self.q or (SimulatedQ(simulator) if simulator is not None else Regression())
        return functools.cache(
            lambda by_position: values_of(
                self.policy, self.log, q, self.gamma, by_position, self.seed
            )
        )

    @functools.cached_property
    def _missing(self) -> float:
        """The share of the policy's slates that are never logged, as far as it is known."""
        if self.policy is None or not isinstance(self.logging, StochasticPolicy):
            return 0.0
        return missing_support(self.policy, self.logging, self.log, self.seed)

    def estimate(
        self, name: str, estimator: Estimator, level: float, rows: Any = slice(None)
    ) -> Estimate:
        """The estimate from some of the sessions.

        Raises:
          ValueError: for an estimator, by its name, that needs what is lacking.
        """
        sample = self.of_rows(rows)
        if not estimator.is_weighted:
            simulated = self._simulated
            is_alone = estimator.model == "alone"
            return (simulated.alone if is_alone else simulated.difference)(sample, level)
        if lacking := sample.lacks(estimator):
            raise ValueError(f"estimator {name} needs {lacking}")
        values = None
        if estimator.model == "baseline":
            values = Values(*(leaf[rows] for leaf in self._values(estimator.reads == "prefix")))
        used, unbent = (
            sample.weights(dataclasses.replace(estimator, weights=weights))
            for weights in (estimator.weights, Weights())
        )
        # Means over cells of sessions are noisy, which the error of a mean weight does not hold.
        bias = "" if callable(estimator.steps) else unbent.bias()
        sessions = sample.session_values(estimator, values)
        estimate = Estimate.of_sessions(
            sessions,
            level,
            used.heaviness(),
            self._never_logged(sample),
            bias,
            sample.contradiction(estimator),
            users=sample.users,
        )
        cut = 1 - used.mean / (max(unbent.mean, used.mean) or 1)
        is_estimated = isinstance(self.logging, LoggedPolicy) and not _has_probabilities(self.log)
        earned = sample.terms(estimator).session_values(normalize=False).numpy()
        verdict = estimate.verdict.with_care(
            used.care() if estimator.reads_all_steps else "",
            sample.untested(estimator),
            few_that_earn(earned),
            f"{cut:.0%} of the weight is bent away, a bias" if cut > _CUT else "",
            "propensities estimated" if is_estimated else "",
        )
        estimate = estimate._replace(
            verdict=verdict, weights=used, assumptions=estimator.assumptions
        )
        return estimate.beyond(sample.returns, level)

    def of_rows(self, rows: Any) -> Sample:
        """The sample of some sessions: positions, or a slice."""
        return tf.nest.map_structure(lambda leaf: leaf[rows], self.sample)

    def _never_logged(self, sample: Sample) -> str:
        """What the logging policy never shows, in words; "" for nothing."""
        if self._missing <= _CUT:
            return ""
        highest = np.abs(sample.reward.sum(2) * sample.discount).max() * sample.num_steps
        never = f"{self._missing:.0%} of the policy's slates are never logged"
        return f"{never}, which is a bias of up to {self._missing * highest:.3g}"


def _has_probabilities(log: Any) -> bool:
    return bool(tf.nest.flatten(next(iter(log.pieces())).propensity))


def chosen_estimators(estimators: Sequence[str] | Mapping[str, Estimator]) -> dict[str, Estimator]:
    """Estimators by name, of names of `PRESETS` or of a mapping; raises `ValueError`."""
    if isinstance(estimators, Mapping):
        for name, estimator in estimators.items():
            check_type(f"estimators[{name!r}]", estimator, Estimator)
        return dict(estimators)
    if isinstance(estimators, str) or not isinstance(estimators, Sequence):
        raise ValueError(f"estimators must be names, such as ('snips',), got {estimators!r}")
    for name in estimators:
        check_one_of(PRESETS, estimators=name)
    return {name: PRESETS[name] for name in estimators}
