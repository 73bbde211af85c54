"""What a policy would have earned, judged from the sessions of another one."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from recsim_tf.core.ranges import Range
from recsim_tf.core.validation import (
    FRACTION,
    check_at_least,
    check_numbers,
    check_one_of,
    check_type,
)
from recsim_tf.ope.diagnostics import Verdict
from recsim_tf.ope.estimators import PRESETS, Estimator, Values, Weights
from recsim_tf.ope.results import Estimate, Result
from recsim_tf.ope.sample import WEAKER, Sample, gather
from recsim_tf.ope.simulated import Simulations
from recsim_tf.ope.values import QModel, Regression, SimulatedQ, values_of

# Part of the weight, below which it is not worth a word that it is bent away.
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
    check_numbers(FRACTION, gamma=gamma)
    check_numbers(Range(above=0, below=1), level=level)
    chosen = _chosen(estimators)
    weighted = {name: one for name, one in chosen.items() if one.is_weighted}
    readings = {"slate", *(read for one in weighted.values() for read in _readings(one))}
    sample = gather(policy, log, readings if weighted else (), gamma)
    check_at_least(2, num_sessions=len(sample.reward))
    simulated = functools.cache(
        lambda: Simulations(
            model, policy, logging, num_simulated, seed, num_steps=sample.num_steps, gamma=gamma
        )
    )
    values = functools.cache(
        lambda by_position: values_of(policy, log, _q(q, model), gamma, by_position, seed)
    )

    def estimate(name: str, estimator: Estimator) -> Estimate:
        if estimator.model == "alone":
            return simulated().alone(sample.returns, level)
        if estimator.model == "difference":
            return simulated().difference(sample.returns, level)
        if lacking := sample.lacks("slate") or sample.lacks(estimator.reads):
            raise ValueError(f"estimator {name} needs {lacking}")
        subtracted = values(estimator.reads == "prefix") if estimator.model == "baseline" else None
        return _weighted(estimator, sample, level, subtracted)

    found = {name: estimate(name, one) for name, one in chosen.items()}
    logged = Estimate.of_sessions(sample.returns, level)._replace(verdict=Verdict("logged"))
    weights = None if sample.lacks("slate") else sample.weights(Estimator())
    return Result(found, logged, weights, sample.reading())


def _q(q: QModel | None, model: Any) -> QModel:
    if q is not None or model is None:
        return q or Regression()
    return SimulatedQ(getattr(model, "simulator", model))


def _chosen(estimators: Sequence[str] | Mapping[str, Estimator]) -> dict[str, Estimator]:
    if isinstance(estimators, Mapping):
        for name, estimator in estimators.items():
            check_type(f"estimators[{name!r}]", estimator, Estimator)
        return dict(estimators)
    for name in estimators:
        check_one_of(PRESETS, estimators=name)
    return {name: PRESETS[name] for name in estimators}


def _readings(estimator: Estimator) -> tuple[str, ...]:
    """Probabilities that it needs, and those that it is checked by."""
    return (estimator.reads, *WEAKER[estimator.reads])


def _weighted(
    estimator: Estimator, sample: Sample, level: float, values: Values | None
) -> Estimate:
    sessions, used = sample.session_values(estimator, values), sample.weights(estimator)
    unbent = sample.weights(dataclasses.replace(estimator, weights=Weights()))
    faults = used.heaviness(len(sessions)), unbent.bias(), sample.contradiction(estimator)
    estimate = Estimate.of_sessions(sessions, level, *faults)._replace(weights=used)
    cut = 1 - used.mean / max(unbent.mean, used.mean)
    if estimate.verdict.is_believable and cut > _CUT:
        bias = f"{cut:.0%} of the weight is bent away, which is a bias"
        return estimate._replace(verdict=Verdict(estimate.verdict.word, bias))
    return estimate
