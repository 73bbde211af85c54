# SPDX-License-Identifier: Apache-2.0
"""Estimates of a policy's mean return from the sessions of another policy."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import (
    Fraction,
    WholeNumber,
    checked,
    kind_of,
)
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import check_different
from recsim_tf.logs.arguments import log_of, simulator_of
from recsim_tf.logs.densities import missing_support
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.logs.examination.examine import findings_of
from recsim_tf.logs.examination.findings import (
    FAULT,
    INTERVALS,
    SESSIONS,
    WEIGHTS,
    Findings,
)
from recsim_tf.logs.fingerprints import share_learned
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.observed_logs import with_observations
from recsim_tf.ope.click_estimates import ClickEstimates
from recsim_tf.ope.diagnostics import warning_of_few_earning_sessions
from recsim_tf.ope.estimators import PRESETS, Estimator, PresetName, Values
from recsim_tf.ope.learned import warning_of_learning
from recsim_tf.ope.logged_policy import LoggedPolicy
from recsim_tf.ope.results import Estimate, Result, Results
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.ope.simulated import Simulated, Simulations
from recsim_tf.ope.simultaneous import with_simultaneous_gains
from recsim_tf.ope.values import QModel, Regression, SimulatedQ, values_of
from recsim_tf.ope.weights import Weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.tables import share
from recsim_tf.support.verdicts import NOT_BELIEVABLE, Verdict

# Shares of the weight, or of the slates, up to which a verdict does not mention them.
_NEGLIGIBLE = 0.01


@checked
def evaluate(
    policy: Any,
    log: Any,
    estimators: Sequence[PresetName] | Mapping[str, Estimator] = ("snips",),
    *,
    model: Any = None,
    logging: Any = None,
    q: QModel | None = None,
    gamma: float = 1.0,
    level: float = 0.95,
    num_simulated: int = 10_000,
    seed: int = 0,
) -> Result:
    """Estimates the mean return of a policy from the sessions of another policy.

        log = logs.from_trajectory(trajectory, simulator, logging=old_policy)
        result = ope.evaluate(
            new_policy, log, ("snips", "calibrated"), model=fitted, logging=old_policy
        )
        print(result)

    Args:
      policy: the policy to judge. Estimators with weights need a `StochasticPolicy`, or None where
        the log has its probabilities. Beside a model, the log's probabilities also serve for a
        single policy, which then acts in simulations only, if the log has no observations.
      log: a `Log`, or an object whose `pieces()` are logs, such as a `LogStream`.
      estimators: names of `PRESETS`, or a mapping of estimators by name.
      model: a model of the users, see `Simulations`. The estimators simulated, calibrated and dr
        read it; cips and cdr need its click model, and no probabilities of slates. Policies are
        asked about the log as agents of the model observe it, see `logs.with_observations`.
      logging: the policy that logged. It is simulated, and pi and estimators whose `reads` is a
        function need its distribution. Where the log has no probabilities, those of this policy are
        used; if it comes from `fit_logging`, the verdicts say so.
      q: the values of slates that dr subtracts; by default `SimulatedQ` of the model, or without a
        model `Regression`.
      gamma: discount of each step, in [0, 1], which multiplies that of the log.
      level: the level of the intervals, in (0, 1).
      num_simulated: number of simulated sessions.
      seed: an integer, the seed of all draws.

    Raises:
      ValueError: for a number out of range, an unknown estimator, a bad log, or an estimator that
        needs an argument that was not given, or a property that the log or the policy lacks.
    """
    return compare(
        {"": policy},
        log,
        estimators,
        model=model,
        logging=logging,
        q=q,
        gamma=gamma,
        level=level,
        num_simulated=num_simulated,
        seed=seed,
    )[""]


@checked
def compare(
    policies: Mapping[str, Any],
    log: Any,
    estimators: Sequence[PresetName] | Mapping[str, Estimator] = ("snips",),
    *,
    model: Any = None,
    logging: Any = None,
    q: QModel | None = None,
    gamma: Fraction = 1.0,
    level: Annotated[float, Range(above=0, below=1)] = 0.95,
    num_simulated: int = 10_000,
    seed: WholeNumber = 0,
) -> Results:
    """Estimates the mean returns of several policies from one log, and their differences.

        results = ope.compare({"sharper": sharper, "new": new}, log, ("snips", "sniips"))
        estimator, gain = results.difference("sharper", "new")

    Args:
      policies: the policies to judge, by name.
      log, estimators, model, logging, q, gamma, level, num_simulated, seed: see `evaluate`.
        Simulations of all policies begin with the same seed, so that their differences are paired
        by session too. The intervals of the gains by an estimator hold for all policies
        together with the probability `level`, also for the policy that is chosen as the best.

    Raises:
      ValueError: see `evaluate`.
    """
    if not policies:
        raise ValueError("policies must name at least one policy, got none")
    for name, policy in [*(("policy", each) for each in policies.values()), ("logging", logging)]:
        if isinstance(policy, type):
            raise ValueError(f"{name} must be an object, got {kind_of(policy)}")
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    chosen = chosen_estimators(estimators)
    if not (q is None or hasattr(q, "fit")):
        raise ValueError(f"q must be a Regression or a SimulatedQ, got {kind_of(q)}")
    simulations = functools.cache(
        lambda: Simulations(model, logging, log, num_simulated, seed, gamma)
    )
    observed = functools.cache(lambda: observed_by(model, log))
    is_target = model is not None and len(policies) == 1
    results = Results()
    columns = Columns.of(log)
    findings = findings_of(log, columns)
    for name, policy in policies.items():
        inputs = EvaluationInputs(
            policy,
            log,
            chosen,
            model,
            logging,
            q,
            gamma,
            seed,
            simulations,
            observed,
            is_target,
            findings,
            columns,
        )
        results[name] = _result(inputs, level)
    return with_simultaneous_gains(results, seed)


def observed_by(model: Any, log: Sessions) -> Sessions:
    """The log with the observations of a model, see `with_observations`; without a model, the log
    itself. Raises a ValueError for an argument that is no model.
    """
    return log if model is None else with_observations(simulator_of(model), log)


def _result(inputs: "EvaluationInputs", level: float) -> Result:
    """All estimates for a policy."""
    sample = inputs.sample
    if len(sample.reward) < 2:
        raise ValueError("log must have at least two sessions, got one")
    result = Result(
        (name, inputs.examined(inputs.estimate(name, estimator, level), estimator))
        for name, estimator in inputs.estimators.items()
    )
    result.level, result.findings = level, inputs.findings
    logged = Estimate.of_sessions(sample.returns, level, users=sample.users)
    result.logged = logged._replace(verdict=Verdict("logged"))
    result.weights = None if sample.missing_input(Estimator()) else sample.weights(Estimator())
    result.reading = sample.reading()
    return result


@dataclasses.dataclass
class EvaluationInputs:
    """The inputs of estimators for a policy and a log, each computed when it is first needed.

    The arguments are those of `evaluate`, and these:
      simulations: a function that makes the simulations.
      observed: a function that gives the log as policies are asked about it, see `observed_by`.
      is_target: whether the policy is the one whose target probabilities a log without
        observations may have.
      findings: what the examination of the log found.
      columns: the numbers of the log, or None.
    """

    policy: Any
    log: Any
    estimators: Mapping[str, Estimator]
    model: Any
    logging: Any
    q: QModel | None
    gamma: Fraction
    seed: int
    simulations: Callable[[], Simulations]
    observed: Callable[[], Sessions]
    is_target: bool = False
    findings: Findings = dataclasses.field(default_factory=lambda: Findings.of((), {}, ()))
    columns: Columns | None = None

    @functools.cached_property
    def sample(self) -> Sample:
        """The sample of all sessions. Its independent units are days where days differ."""
        sample, days = self._sample, self.findings.days
        return sample if isinstance(days, tuple) else sample._replace(users=days)

    @functools.cached_property
    def _sample(self) -> Sample:
        weighted = [each for each in self.estimators.values() if each.is_weighted]

        def read(estimators: Sequence[Estimator]) -> Sample:
            if self._has_target:
                return gather(None, self.log, estimators, self.gamma, self.logging, self.seed)
            log = self.observed() if estimators else self.log
            return gather(self.policy, log, estimators, self.gamma, self.logging, self.seed)

        if len(weighted) < len(self.estimators):
            # Weights are used to check models if the log and both policies have probabilities. A
            # policy that does not fit the log can raise any exception, and is refused later.
            with contextlib.suppress(Exception):
                return read([*weighted, Estimator()])
        return read(weighted)

    @functools.cached_property
    def _has_target(self) -> bool:
        """True if the log itself has the probabilities of the policy, which then serve as weights,
        since the policy cannot be asked about it.
        """
        first = next(iter(self.log.pieces()))
        has_target = bool(tf.nest.flatten(first.target))
        return self.is_target and has_target and not tf.nest.flatten(first.observation)

    @functools.cached_property
    def _simulated(self) -> Simulated:
        return self.simulations().of(self.policy)

    @functools.cached_property
    def _clicks(self) -> ClickEstimates:
        estimators = [each for each in self.estimators.values() if each.weights_clicks]
        return ClickEstimates.of(
            self.policy, self.observed(), self.model, estimators, self.sample, self.seed
        )

    @functools.cached_property
    def _values(self) -> Callable[[bool], Values]:
        simulator = getattr(self.model, "simulator", self.model)
        q = self.q or (SimulatedQ(simulator) if simulator is not None else Regression())
        return functools.cache(
            lambda by_position: values_of(
                self.policy, self.observed(), q, self.gamma, by_position, self.seed
            )
        )

    @functools.cached_property
    def _never_logged_share(self) -> float:
        """The share of the policy's slates that are never logged; 0 where it is unknown."""
        is_asked = self.policy is not None and not self._has_target
        if not is_asked or not isinstance(self.logging, StochasticPolicy):
            return 0.0
        return missing_support(self.policy, self.logging, self.observed(), self.seed)

    def estimate(
        self, name: str, estimator: Estimator, level: float, rows: Any = slice(None)
    ) -> Estimate:
        """The estimate from the sessions at `rows`: positions, or a slice.

        Raises:
          ValueError: for an estimator, by its name, whose inputs are incomplete.
        """
        sample = self.of_rows(rows)
        if estimator.weights_clicks:
            if self.model is None:
                raise ValueError(
                    f"model must be a simulator whose users have a click model, for estimator"
                    f" {name}, got None"
                )
            return self._clicks.take(rows).estimate(estimator, sample, level)
        if not estimator.is_weighted:
            simulated = self._simulated
            is_alone = estimator.model == "alone"
            return (simulated.alone if is_alone else simulated.difference)(sample, level)
        if missing := sample.missing_input(estimator):
            raise ValueError(f"estimator {name} needs {missing}")
        values = None
        if estimator.model == "baseline":
            values = Values(*(leaf[rows] for leaf in self._values(estimator.reads == "prefix")))
        used, unbent = (
            sample.weights(dataclasses.replace(estimator, weights=weights))
            for weights in (estimator.weights, Weights())
        )
        # Means over cells of sessions are noisy, and the error of a mean weight ignores that noise.
        products = dataclasses.replace(estimator, weights=Weights(), steps="decision")
        bias = (
            unbent if estimator.reads_all_steps else sample.weights(products)
        ).warning_of_wrong_propensities()
        sessions = sample.session_values(estimator, values)
        contradiction, untested = sample.test_assumptions(estimator)
        estimate = Estimate.of_sessions(
            sessions,
            level,
            used.warning_of_few_effective_sessions(),
            self._never_logged(sample),
            bias,
            contradiction,
            users=sample.users,
        )
        bent_share = 1 - used.mean / (max(unbent.mean, used.mean) or 1)
        is_estimated = isinstance(self.logging, LoggedPolicy) and not _has_probabilities(self.log)
        weighted_returns = sample.terms(estimator).session_values(normalize=False).numpy()
        verdict = estimate.verdict.with_care(
            used.warning_of_narrow_intervals() if estimator.reads_all_steps else "",
            untested,
            warning_of_few_earning_sessions(weighted_returns),
            f"{bent_share:.0%} of the weight is bent away, a bias"
            if bent_share > _NEGLIGIBLE
            else "",
            "propensities estimated" if is_estimated else "",
            self._learned,
        )
        estimate = estimate._replace(
            verdict=verdict, weights=used, assumptions=estimator.assumptions
        )
        return estimate.beyond(sample.returns, level)

    @functools.cached_property
    def _learned(self) -> str:
        """A warning that the policy was learned from the log; "" for none."""
        ratio = self.sample.read.get("slate")
        if self.columns is None or ratio is None:
            return ""
        return warning_of_learning(self.columns, ratio[:, 0])

    @functools.cached_property
    def _learned_from_log(self) -> str:
        """The fault of a policy that says itself that it was learned from the log; "" for none."""
        learned = share_learned(getattr(self.policy, "learned_from", ()), self.log)
        if not learned:
            return ""
        return (
            f"learned from this log: the policy saw {share(learned)} of its sessions, so judge it"
            " by others, see Log.split"
        )

    def examined(self, estimate: Estimate, estimator: Estimator) -> Estimate:
        """The estimate, whose verdict is lowered where the examination of the log breaks what the
        estimator assumes.
        """
        has_weights = estimator.is_weighted and not estimator.weights_clicks
        harms = (SESSIONS, INTERVALS, *([WEIGHTS] if has_weights else []))
        verdict = estimate.verdict
        if verdict.is_believable:
            faults = [self._learned_from_log, *self.findings.reasons(FAULT, *harms)]
            for fault in list(filter(None, faults))[:1]:
                verdict = Verdict(NOT_BELIEVABLE, fault)
        cautions = [
            each.sentence
            for each in self.findings.cautions
            # Intervals of days include their differences.
            if each.harms in harms and each.name != "days"
        ]
        return estimate._replace(verdict=verdict.with_care(*cautions))

    def of_rows(self, rows: Any) -> Sample:
        """The sample of the sessions at `rows`: positions, or a slice."""
        return tf.nest.map_structure(lambda leaf: leaf[rows], self.sample)

    def _never_logged(self, sample: Sample) -> str:
        """A warning of slates that are never logged; "" if their share is negligible."""
        share = self._never_logged_share
        if share <= _NEGLIGIBLE:
            return ""
        highest = np.abs(sample.reward.sum(2) * sample.discount).max() * sample.num_steps
        never = f"{share:.0%} of the policy's slates are never logged"
        return f"{never}, which is a bias of up to {share * highest:.3g}"


def _has_probabilities(log: Any) -> bool:
    return bool(tf.nest.flatten(next(iter(log.pieces())).propensity))


@checked
def chosen_estimators(
    estimators: Sequence[PresetName] | Mapping[str, Estimator],
) -> dict[str, Estimator]:
    """Estimators by name, from names of `PRESETS` or from a mapping. Raises `ValueError`."""
    if isinstance(estimators, Mapping):
        return dict(estimators)
    if not estimators:
        raise ValueError("estimators must name at least one estimator, got none")
    check_different("estimators", estimators)
    return {name: PRESETS[name] for name in estimators}
