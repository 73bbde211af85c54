"""What a policy earns in a model of the users, and what a change of policy is worth there."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.base.types import Policy, Turn
from recsim_tf.core.base.validation import check_at_least, check_type
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.acting import act
from recsim_tf.evaluation.baselines import AnyPolicy, CheckedPolicy, as_rollout
from recsim_tf.evaluation.value import value
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.ope.estimators import PRESETS, Estimator
from recsim_tf.ope.results import Estimate, Gain, mean_of
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.ope.weights import Weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.errors import error_line
from recsim_tf.support.means import Mean, error_of_draws
from recsim_tf.support.verdicts import CANNOT_TELL, NOT_BELIEVABLE, Verdict

# Standard errors that a model may be off where it can be seen.
_ERRORS = 3.0
# Gains by weights that are compared in the log and in the model. Both are biased alike.
_CHECK = Estimator(normalize=True, weights=Weights(cap=10.0))
_CHECKED = PRESETS["calibrated"]
_FEWEST_CHECKED = 100  # sessions that count
_CHECKED_STEPS = 40_000  # of the sessions of the model
_NUM_DRAWS = 20  # of the parameters of a fitted model


class Simulations:
    """Simulations of policies that follow the sessions of a log, see `SessionPlan`.

    Args:
      model: a `Simulator`, or a fitted one with draws of its parameters: a `FitResult`, or what
        `fitting.load_model` gives. Intervals then hold what the fit leaves open.
      logging: the policy that logged, or None.
      log: whose sessions are followed.
      num_sessions: about so many are simulated.
      seed: an integer.
      gamma: as of `value`.

    Raises:
      ValueError: for what is no model, or is one of slates of another size than the log's.
    """

    def __init__(
        self,
        model: Any,
        logging: Policy | None,
        log: Sessions,
        num_sessions: int,
        seed: int,
        gamma: float,
    ):
        simulator = getattr(model, "simulator", model)
        check_type("model", simulator, Simulator)
        check_at_least(2, num_simulated=num_sessions)
        slate_size = next(iter(log.pieces())).slate_size
        if simulator.slate_size != slate_size:
            raise ValueError(
                f"model must be of slates of {slate_size} documents, as the log's, got"
                f" {simulator.slate_size}"
            )
        self._draws: Mapping[str, np.ndarray] | None = None
        if getattr(model, "has_uncertainty", True):
            draws = getattr(model, "draws", None)
            self._draws = draws(_NUM_DRAWS, seed) if callable(draws) else draws
        self._plan = SessionPlan(simulator, log, num_sessions, seed)
        few = max(num_sessions // _NUM_DRAWS, 2)
        self._few = SessionPlan(simulator, log, few, seed) if self._draws else self._plan
        self._model, self._log = simulator, log
        self._logging, self._seed, self._gamma = logging, seed, gamma

    def of(self, policy: Policy) -> "Simulated":
        """A policy, beside the one that logged."""
        is_logging = self._logging is not None and policy is self._logging
        new, new_draws = self._logged if is_logging else self._simulated(policy)
        old, old_draws = self._logged
        return Simulated(new, new_draws, old, old_draws, self._response(policy))

    def _response(self, policy: Policy) -> Sample | str:
        """Sessions of the model under the policy that logged, with the weights of another policy;
        or why there are none.
        """
        policies = policy, self._logging
        if not all(isinstance(one, StochasticPolicy) for one in policies):
            return "without probabilities of both policies"
        return gather(policy, self._log_of_model, [_CHECK], self._gamma, self._logging)

    @functools.cached_property
    def _log_of_model(self) -> Log:
        number = max(_FEWEST_CHECKED, _CHECKED_STEPS // self._plan.num_steps)
        number = min(number, len(self._plan.row))
        plan = SessionPlan(self._model, self._log, number, self._seed)
        return plan.log(self._logging, self._seed + 1)

    @functools.cached_property
    def _logged(self) -> tuple[Any, Any]:
        """The sessions of the policy that logged, which are simulated once; () without one."""
        return ((), ()) if self._logging is None else self._simulated(self._logging)

    def _simulated(self, policy: Policy) -> tuple[np.ndarray, Any]:
        check_policy_of(self._plan.simulator, policy)
        returns = self._plan.by_session(self._returns(self._plan, policy))
        if not self._draws:
            return returns, ()
        return returns, self._returns(self._few, policy, self._few.draws(self._draws))

    def _returns(
        self, plan: SessionPlan, policy: Policy, draws: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """The returns [B] of the sessions of a plan, or [D, B]."""
        return value(
            plan.simulator,
            policy,
            len(plan.row),
            plan.num_steps,
            self._seed,
            gamma=self._gamma,
            draws=draws,
            start=plan.start,
            ends=plan.ends,
        )


def check_policy_of(simulator: Simulator, policy: AnyPolicy) -> None:
    """Requires a policy of a simulator: one that shows its slates, and whose probabilities are
    numbers. Raises `ValueError`.
    """
    num_users, seed = max(simulator.fewest_users, 2), random.as_seed(0)
    log_prob: Any = 0.0
    try:
        function, state = as_rollout(policy, num_users)
        seen = simulator.observe(simulator.reset(num_users, seed))
        size = Turn.of(act(function, seen, state, seed)[0]).slate.shape[1]
        CheckedPolicy("policy", function, simulator)(seen, state, seed)
        if isinstance(policy, StochasticPolicy):
            distribution, _ = policy.decide(seen, state)
            log_prob = distribution.log_prob(random.sample(distribution, seed))
    except Exception as error:  # A policy can raise anything.
        raise ValueError(f"policy is not for the model: {error_line(error)}") from error
    if size != simulator.slate_size:
        raise ValueError(
            f"policy must show slates of {simulator.slate_size} documents, as the log's, got {size}"
        )
    if np.isnan(log_prob).any():
        raise ValueError(
            "policy must give each slate a probability, got NaN: are its logits finite?"
        )


class Simulated(NamedTuple):
    """A policy in a model of the users, beside the policy that logged; () without one."""

    new: np.ndarray  # float64 [S], the returns under the policy
    new_draws: Any  # float64 [D, b], those of draws of the model's parameters, or ()
    old: Any  # float64 [S], those under the policy that logged
    old_draws: Any
    response: Any  # of the model to slates, see `Simulations`: a `Sample`, or why there is none

    def alone(self, sample: Sample, level: float) -> Estimate:
        """The mean return under the new policy in the model, beside a log."""
        off = self._off(sample)
        fault = f"{off}: read calibrated" if off else ""
        users = _users(self.new, sample)
        estimate = Estimate.of_sessions(self.new, level, fault, draws=self.new_draws, users=users)
        gain = _difference(self.new, sample, sample.returns, self.new_draws)
        if isinstance(self.old, tuple):
            reason = "give logging, to see the model beside the log"
            verdict = Verdict(CANNOT_TELL, reason)
            return _judged(estimate, gain, level)._replace(verdict=verdict)
        is_known = np.ndim(self.new_draws) == 2
        unknown = "" if is_known else "the error of a model that is given is not known"
        return self._checked(estimate, gain, sample, level, unknown)

    def _off(self, sample: Sample) -> str:
        """How far the model is from the log, in words; "" where it cannot be seen to be."""
        if isinstance(self.old, tuple):
            return ""
        gap = _difference(self.old, sample, sample.returns)
        if not abs(gap.value) > _ERRORS * gap.standard_error:
            return ""
        part = abs(gap.value / sample.returns.mean())
        return f"the model is {part:.1%} off on the logging policy itself"

    def difference(self, sample: Sample, level: float) -> Estimate:
        """A log's mean, and what the change of the policy adds to it in the model (a difference
        estimator, Cochran 1977).
        """
        if isinstance(self.old, tuple):
            raise ValueError("logging must be the policy that logged, for calibrated, got None")
        draws: Any = self.new_draws - self.old_draws if np.ndim(self.new_draws) == 2 else ()
        users, change = _users(self.new, sample), self.new - self.old
        value = _difference(change, sample, -sample.returns)
        if np.ndim(draws) == 2:
            # A model that was fitted to the log goes up and down with its mean.
            error = value.standard_error + error_of_draws(draws)
            value = value._replace(standard_error=error)
        estimate = Estimate.of(value, level)._replace(
            sessions=sample.returns.mean() + change, draws=draws, users=users
        )
        return self._checked(
            estimate, mean_of(change, users, draws), sample, level, self._off_by(sample)
        )

    def _off_by(self, sample: Sample) -> str:
        off = self._off(sample)
        return f"{off}, and its difference of both policies may be" if off else ""

    def _checked(
        self, estimate: Estimate, gain: Mean, sample: Sample, level: float, care: str
    ) -> Estimate:
        """An estimate by the model whose intervals hold how far the model's response to slates is
        from the log's, where weights tell it.
        """
        gap = self._gap(sample)
        if isinstance(gap, str):
            verdict = estimate.verdict.with_care(
                care, f"{gap} the log cannot tell how users take other slates"
            )
            return _judged(estimate, gain, level)._replace(verdict=verdict)
        if abs(gap.value) > _ERRORS * gap.standard_error:
            fault = (
                f"users take other slates otherwise than the model: weights give a gain that is"
                f" {gap.value:+.3g} beyond the one that they give in simulated sessions,"
                f" {abs(gap.value) / gap.standard_error:.1f} standard errors"
            )
            return _judged(estimate, gain, level)._replace(verdict=Verdict(NOT_BELIEVABLE, fault))
        value = Mean(estimate.value, estimate.standard_error)
        low, high = _widened(value, gap, level)
        verdict = estimate.verdict
        if verdict.is_believable:
            verdict = Verdict.of(value.value, (high - low) / 2).with_care(care)
        return estimate._replace(
            interval=(low, high),
            verdict=verdict,
            gain=Gain(gain.value, _widened(gain, gap, level)),
            assumptions=_CHECKED.assumptions,
        )

    def _gap(self, sample: Sample) -> Mean | str:
        """The gain by weights in the log, less that in sessions of the model; or why the log does
        not tell it.
        """
        if isinstance(self.response, str):
            return self.response
        if lacking := sample.lacks(_CHECK):
            return f"without {lacking},"
        gains = []
        for each in (sample, self.response):
            if each.weights(_CHECK).effective_sample_size < _FEWEST_CHECKED:
                return "by so few sessions that count"
            gains.append(mean_of(each.session_values(_CHECK) - each.returns, each.users))
        logged, simulated = gains
        gap = Mean(logged.value - simulated.value, logged.standard_error)
        return gap.with_error(simulated.standard_error)


def _judged(estimate: Estimate, gain: Mean, level: float) -> Estimate:
    return estimate._replace(
        gain=Gain(gain.value, gain.interval(level)), assumptions=_CHECKED.assumptions
    )


def _widened(mean: Mean, gap: Mean, level: float) -> tuple[float, float]:
    """The interval of a mean that a model is wrong about by the gap, or by nothing, or by anything
    between.
    """
    low, high = (
        Mean(mean.value + end, mean.standard_error).with_error(gap.standard_error).interval(level)
        for end in (min(gap.value, 0.0), max(gap.value, 0.0))
    )
    return low[0], high[1]


def _users(simulated: np.ndarray, sample: Sample) -> Any:
    """Whose the simulated sessions are, as of `Sample.users`: those that follow all of the log."""
    return sample.users if len(simulated) == len(sample.returns) else ()


def _difference(simulated: np.ndarray, sample: Sample, logged: np.ndarray, draws: Any = ()) -> Mean:
    """The mean of simulated sessions less that of numbers [S] of a log's, session by session where
    they follow all of the log's; with the error of draws of the parameters.
    """
    if len(simulated) == len(logged):
        return mean_of(simulated - logged, sample.users, draws)
    model, log = mean_of(simulated, (), draws), mean_of(logged, sample.users)
    difference = Mean(model.value - log.value, model.standard_error)
    return difference.with_error(log.standard_error)


def truth(
    simulator: Simulator,
    policy: Policy,
    num_steps: int,
    num_sessions: int = 100_000,
    seed: int = 0,
    gamma: float = 1.0,
) -> Estimate:
    """The mean return of a policy by rollouts, with its standard error; arguments are those of
    `evaluation.value`.
    """
    check_at_least(2, num_sessions=num_sessions)
    returns = value(simulator, policy, num_sessions, num_steps, seed, gamma=gamma)
    return Estimate.of_sessions(returns, 0.95)
