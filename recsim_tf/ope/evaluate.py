"""What a policy would have earned, judged from the sessions of another one."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.ranges import Range
from recsim_tf.core.validation import (
    FRACTION,
    check_at_least,
    check_numbers,
    check_one_of,
    check_type,
)
from recsim_tf.ope.densities import missing_support
from recsim_tf.ope.diagnostics import Verdict
from recsim_tf.ope.estimators import PRESETS, Estimator, Values, Weights
from recsim_tf.ope.results import Estimate, Result
from recsim_tf.ope.sample import WEAKER, Sample, gather
from recsim_tf.ope.simulated import Simulations
from recsim_tf.ope.values import QModel, Regression, SimulatedQ, values_of
from recsim_tf.policies.stochastic import StochasticPolicy

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

        log = ope.from_trajectory(simulator, trajectory, logging=old_policy)
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
      logging: the policy that logged, to be simulated.
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
    check_numbers(Range(above=0, below=1), level=level)
    chosen = chosen_estimators(estimators)
    judged = Judged(policy, log, chosen, model, logging, q, gamma, num_simulated, seed)
    check_at_least(2, num_sessions=len(judged.sample.reward))
    found = {name: judged.estimate(name, one, level) for name, one in chosen.items()}
    logged = Estimate.of_sessions(judged.sample.returns, level)
    weights = None if judged.sample.lacks("slate") else judged.sample.weights(Estimator())
    verdict = Verdict("logged")
    return Result(found, logged._replace(verdict=verdict), weights, judged.sample.reading())


class Judged:
    """What estimators need of a policy and a log, computed when it is first needed. Arguments are
    those of `evaluate`.

    Attributes:
      sample: the `Sample` of all sessions.
    """

    def __init__(
        self,
        policy: Any,
        log: Any,
        estimators: Mapping[str, Estimator],
        model: Any,
        logging: Any,
        q: QModel | None,
        gamma: float,
        num_simulated: int,
        seed: int,
    ):
        check_numbers(FRACTION, gamma=gamma)
        read = {one.reads for one in estimators.values() if one.is_weighted}
        names = read | {weaker for reads in read for weaker in ("slate", *WEAKER[reads])}
        self.sample = gather(policy, log, names, gamma)
        steps = {"num_steps": self.sample.num_steps, "gamma": gamma}
        q = q or (SimulatedQ(getattr(model, "simulator", model)) if model else Regression())
        self._simulations = functools.cache(
            lambda: Simulations(model, policy, logging, num_simulated, seed, **steps)
        )
        self._values = functools.cache(
            lambda by_position: values_of(policy, log, q, gamma, by_position, seed)
        )
        self._missing = functools.cache(lambda: missing_support(policy, logging, log, seed))
        self._can_miss = policy is not None and isinstance(logging, StochasticPolicy)

    def estimate(
        self, name: str, estimator: Estimator, level: float, rows: Any = slice(None)
    ) -> Estimate:
        """The estimate from some of the sessions.

        Raises:
          ValueError: for an estimator, by its name, that needs what is lacking.
        """
        sample = self.of_rows(rows)
        if not estimator.is_weighted:
            simulations = self._simulations()
            is_alone = estimator.model == "alone"
            return (simulations.alone if is_alone else simulations.difference)(
                sample.returns, level
            )
        if lacking := sample.lacks("slate") or sample.lacks(estimator.reads):
            raise ValueError(f"estimator {name} needs {lacking}")
        values = None
        if estimator.model == "baseline":
            values = Values(*(leaf[rows] for leaf in self._values(estimator.reads == "prefix")))
        used, unbent = (
            sample.weights(dataclasses.replace(estimator, weights=weights))
            for weights in (estimator.weights, Weights())
        )
        estimate = Estimate.of_sessions(
            sample.session_values(estimator, values),
            level,
            used.heaviness(len(sample.reward)),
            self._never_logged(sample),
            unbent.bias(),
            sample.contradiction(estimator),
        )
        verdict, cut = estimate.verdict, 1 - used.mean / max(unbent.mean, used.mean)
        if verdict.is_believable and cut > _CUT:
            bias = f"{cut:.0%} of the weight is bent away, which is a bias"
            verdict = Verdict(verdict.word, bias)
        return estimate._replace(verdict=verdict, weights=used)

    def of_rows(self, rows: Any) -> Sample:
        """The sample of some sessions: positions, or a slice."""
        return tf.nest.map_structure(lambda leaf: leaf[rows], self.sample)

    def _never_logged(self, sample: Sample) -> str:
        """What the logging policy never shows, in words; "" for nothing."""
        share = self._missing() if self._can_miss else 0.0
        if share <= _CUT:
            return ""
        most = share * np.abs(sample.reward.sum(2) * sample.discount).max() * sample.num_steps
        return (
            f"{share:.0%} of the policy's slates are never logged, which is a bias of up to"
            f" {most:.3g}"
        )


def chosen_estimators(estimators: Sequence[str] | Mapping[str, Estimator]) -> dict[str, Estimator]:
    """Estimators by name, of names of `PRESETS` or of a mapping; raises `ValueError`."""
    if isinstance(estimators, Mapping):
        for name, estimator in estimators.items():
            check_type(f"estimators[{name!r}]", estimator, Estimator)
        return dict(estimators)
    for name in estimators:
        check_one_of(PRESETS, estimators=name)
    return {name: PRESETS[name] for name in estimators}
