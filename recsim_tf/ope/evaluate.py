"""What a policy would have earned, judged from the sessions of another one."""

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
from recsim_tf.ope.diagnostics import Verdict, WeightDiagnostics
from recsim_tf.ope.estimators import PRESETS, Estimator, session_values, terms
from recsim_tf.ope.results import Estimate, Result, interval_of
from recsim_tf.ope.sample import WEAKER, Sample, gather

# Part of the weight, below which it is not worth a word that it is bent away.
_CUT = 0.01


def evaluate(
    policy: Any,
    log: Any,
    estimators: Sequence[str] | Mapping[str, Estimator] = ("snips",),
    gamma: float = 1.0,
    level: float = 0.95,
) -> Result:
    """Estimates the mean return of a policy from the sessions of another one.

        log = ope.from_trajectory(simulator, trajectory, logging=old_policy)
        print(ope.evaluate(new_policy, log, estimators=("snips", "snrips")))

    Args:
      policy: the `StochasticPolicy` to judge; None where the log has its probabilities.
      log: a `Log`, or what has `pieces()` that are.
      estimators: names of `PRESETS`, or estimators by names of their own.
      gamma: discount of each step, in [0, 1], beside that of the log.
      level: of the intervals, in (0, 1).

    Raises:
      ValueError: for a number out of range, an unknown estimator, a bad log, or where an estimator
        needs what the log or the policy lacks.
    """
    check_numbers(FRACTION, gamma=gamma)
    check_numbers(Range(above=0, below=1), level=level)
    chosen = _chosen(estimators)
    weighted = {name: one for name, one in chosen.items() if one.is_weighted}
    readings = {"slate", *(read for one in weighted.values() for read in _readings(one))}
    sample = gather(policy, log, readings if weighted else (), gamma)
    check_at_least(2, num_sessions=len(sample.reward))
    found = {name: _weighted(name, one, sample, level) for name, one in weighted.items()}
    return Result(found, _logged(sample, level), _diagnostics(sample), sample.reading())


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


def _logged(sample: Sample, level: float) -> Estimate:
    """What the log itself earned."""
    value, error, interval = interval_of(sample.returns, level)
    return Estimate(value, error, interval, Verdict("logged"), sample.returns)


def _diagnostics(sample: Sample) -> WeightDiagnostics | None:
    """Of the weights of whole sessions."""
    if sample.lacks("slate"):
        return None
    found = terms(Estimator(), sample.log_ratios, sample.reward, sample.discount)
    return WeightDiagnostics.of(found.weights.numpy())


def _weighted(name: str, estimator: Estimator, sample: Sample, level: float) -> Estimate:
    if lacking := sample.lacks("slate") or sample.lacks(estimator.reads):
        raise ValueError(f"estimator {name} needs {lacking}")
    found = terms(estimator, sample.log_ratios, sample.reward, sample.discount)
    of_rewards = slice(found.num_rewards)
    used, unbent = (
        WeightDiagnostics.of(weights.numpy()[:, of_rewards])
        for weights in (found.weights, found.unbent)
    )
    value, error, interval = interval_of(
        sessions := session_values(found, estimator.normalize).numpy(), level
    )
    faults = [used.heaviness(len(sessions)), unbent.bias(), sample.contradiction(estimator)]
    verdict = Verdict.of(value, interval[1] - value, *faults)
    if verdict.is_believable and used.mean < (1 - _CUT) * unbent.mean:
        cut = 1 - used.mean / unbent.mean
        verdict = Verdict(verdict.word, f"{cut:.0%} of the weight is bent away, which is a bias")
    return Estimate(value, error, interval, verdict, sessions, used)
