# SPDX-License-Identifier: Apache-2.0
"""The mean return of a policy in a model of the users, and its gain over the logging policy."""

import functools
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, checked, require
from recsim_tf.core.base.types import Policy, Turn
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.acting import act
from recsim_tf.evaluation.baselines import AnyPolicy, CheckedPolicy, as_rollout
from recsim_tf.evaluation.value import value
from recsim_tf.logs.arguments import simulator_of
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.observed_logs import check_slates
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.ope.estimators import PRESETS, Estimator
from recsim_tf.ope.responses import Bias, ResponseGap, mean_of, widened
from recsim_tf.ope.results import Estimate, Gain
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.ope.weights import Weights
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.errors import error_line
from recsim_tf.support.means import Mean, error_of_draws
from recsim_tf.support.verdicts import CANNOT_TELL, NOT_BELIEVABLE, Verdict

_ERRORS = 3.0  # standard errors by which a model may differ from the log
# The estimator by weights whose gains in the log and in the model are compared. Its bias is the
# same in both.
_CHECK = Estimator(normalize=True, weights=Weights(cap=10.0))
_CHECKED = PRESETS["calibrated"]
_FEWEST_CHECKED = 100  # effective sessions of the comparison
_CHECKED_STEPS = 40_000  # steps of all simulated sessions of the comparison
_NUM_DRAWS = 20  # draws of the parameters of a fitted model
_LEFT_OUT = "the model's fit has no standard errors, so the interval leaves its error out"


class Simulations:
    """Simulations of policies that follow the sessions of a log, see `SessionPlan`.

    Args:
      model: a `Simulator`, or a fitted model with draws of its parameters: a `FitResult`, or the
        result of `fitting.load_model`. Intervals then include the error of the parameters; where
        the fit has no standard errors, the verdict says that they leave it out.
      logging: the policy that logged, or None.
      log: the log whose sessions are followed.
      num_sessions: approximate number of simulated sessions.
      seed: an integer.
      gamma: discount of each step.

    Raises:
      ValueError: if `model` is not a model, or its slates have another size than the log's.
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
        simulator = simulator_of(model)
        require("num_simulated", num_sessions, Annotated[int, AtLeast(2)])
        check_slates(simulator, next(iter(log.pieces())))
        self._draws = draws_of(model, seed)
        is_fit = simulator is not model
        self._left_out = "" if self._draws or not is_fit else _LEFT_OUT
        self._plan = SessionPlan(simulator, log, num_sessions, seed)
        few = max(num_sessions // _NUM_DRAWS, 2)
        self._few = SessionPlan(simulator, log, few, seed) if self._draws else self._plan
        self._model, self._log = simulator, log
        self._logging, self._seed, self._gamma = logging, seed, gamma

    def of(self, policy: Policy) -> "Simulated":
        """The simulation of a policy, and of the policy that logged."""
        is_logging = self._logging is not None and policy is self._logging
        new, new_draws = self._logged if is_logging else self._simulated(policy)
        old, old_draws = self._logged
        # The sessions of the log that simulated ones follow, where these do not follow all.
        row = self._plan.row if len(new) < self._log.num_sessions else ()
        response = self._response(policy)
        return Simulated(new, new_draws, old, old_draws, response, row, self._left_out)

    def _response(self, policy: Policy) -> Sample | str:
        """A sample of simulated sessions under the policy that logged, with the weights of
        `policy`; or the reason why there is none, in words.
        """
        policies = policy, self._logging
        if not all(isinstance(each, StochasticPolicy) for each in policies):
            return ", without probabilities of both policies"
        return gather(policy, self._log_of_model, [_CHECK], self._gamma, self._logging)

    @functools.cached_property
    def _log_of_model(self) -> Log:
        number = max(_FEWEST_CHECKED, _CHECKED_STEPS // self._plan.num_steps)
        number = min(number, len(self._plan.row))
        plan = SessionPlan(self._model, self._log, number, self._seed)
        return plan.log(self._logging, self._seed + 1)

    @functools.cached_property
    def _logged(self) -> tuple[Any, Any]:
        """The simulated sessions of the policy that logged, or () if it is unknown."""
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
        """The returns [B] of the sessions of a plan, or [D, B] under D draws of the parameters."""
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


def draws_of(model: Any, seed: int) -> Mapping[str, np.ndarray]:
    """Draws of the parameters of a model by name, [D, ...] each; empty for a simulator, and for a
    fit without uncertainty.
    """
    if not getattr(model, "has_uncertainty", True):
        return {}
    draws = getattr(model, "draws", None)
    return (draws(_NUM_DRAWS, seed) if callable(draws) else draws) or {}


def check_policy_of(simulator: Simulator, policy: AnyPolicy) -> None:
    """Raises `ValueError` for a policy that does not fit a simulator: it must accept the
    simulator's observations, show slates of its size, and give probabilities that are not NaN.
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
            f"policy must show slates of {simulator.slate_size} documents, like the log, got {size}"
        )
    if np.isnan(log_prob).any():
        raise ValueError(
            "policy must give each slate a probability, got NaN: are its logits finite?"
        )


class Simulated(NamedTuple):
    """Simulated returns under a policy and under the policy that logged."""

    new: np.ndarray  # float64 [S], returns under the policy
    new_draws: Any  # float64 [D, b], returns under draws of the model's parameters, or ()
    old: Any  # float64 [S], returns under the policy that logged, or () if it is unknown
    old_draws: Any  # float64 [D, b], such returns under the policy that logged, or ()
    # A sample of sessions under the policy that logged, or the reason why there is none, in words.
    response: Any
    row: Any = ()  # int [S], the sessions of the log that are followed; () for all of them
    # A sentence about the error of a fit that the draws do not have, or "".
    left_out: str = ""

    def alone(self, sample: Sample, level: float) -> Estimate:
        """The estimate by the model alone, with its gain over the log."""
        error = self._error_in_words(sample)
        fault = f"{error}: read calibrated" if error else ""
        users = self._users(sample)
        estimate = Estimate.of_sessions(self.new, level, fault, draws=self.new_draws, users=users)
        gain = _difference(self.new, sample, sample.returns, self.new_draws, users)
        if isinstance(self.old, tuple):
            reason = "give logging, to see the model beside the log"
            estimate = _with_bias(estimate, gain, Bias.unmeasured(gain.value), level)
            verdict = Verdict(CANNOT_TELL, "; ".join(filter(None, [reason, self.left_out])))
            return estimate._replace(verdict=verdict, response=reason)
        has_error = np.ndim(self.new_draws) == 2
        care = "" if has_error else "the error of a model that is given is not known"
        care = self.left_out or care
        return self._checked(estimate, gain, sample, level, care)

    def _users(self, sample: Sample) -> Any:
        """The users of the simulated sessions, see `Sample.users`."""
        users = sample.users
        if isinstance(users, tuple) or isinstance(self.row, tuple):
            return users if len(users) == len(self.new) else ()
        return users[self.row] if self.row.max() < len(users) else ()

    def _error_in_words(self, sample: Sample) -> str:
        """The error of the model under the logging policy, in words; "" if noise can explain it."""
        if isinstance(self.old, tuple):
            return ""
        gap = _difference(self.old, sample, sample.returns, users=self._users(sample))
        if not abs(gap.value) > _ERRORS * gap.standard_error:
            return ""
        part = abs(gap.value / sample.returns.mean())
        return f"the model is {part:.1%} off on the logging policy itself"

    def difference(self, sample: Sample, level: float) -> Estimate:
        """The log's mean plus the simulated gain of the policy (a difference estimator, Cochran
        1977).

        Raises:
          ValueError: if the policy that logged is unknown.
        """
        if isinstance(self.old, tuple):
            raise ValueError("logging must be the policy that logged, for calibrated, got None")
        draws: Any = self.new_draws - self.old_draws if np.ndim(self.new_draws) == 2 else ()
        users, change = self._users(sample), self.new - self.old
        value = _difference(change, sample, -sample.returns, users=users)
        if np.ndim(draws) == 2:
            # The errors of the log's mean and of a model that was fitted to the log are correlated,
            # so they are added.
            error = value.standard_error + error_of_draws(draws)
            value = value._replace(standard_error=error)
        estimate = Estimate.of(value, level)._replace(
            sessions=sample.returns.mean() + change, draws=draws, users=users
        )
        return self._checked(
            estimate,
            mean_of(change, users, draws),
            sample,
            level,
            self._care_for_difference(sample),
        )

    def _care_for_difference(self, sample: Sample) -> str:
        error = self._error_in_words(sample)
        words = f"{error}, and its difference of both policies may be" if error else ""
        return "; ".join(filter(None, [words, self.left_out]))

    def _checked(
        self, estimate: Estimate, gain: Mean, sample: Sample, level: float, care: str
    ) -> Estimate:
        """The estimate with its gain. Their intervals include the bias of the model's responses to
        other slates: the gap between log and model, as far as weights show it, else the gain.
        """
        response = self._gap(sample)
        estimate = estimate._replace(response=response)
        if isinstance(response, str):
            estimate = _with_bias(estimate, gain, Bias.unmeasured(gain.value), level)
            return estimate._replace(verdict=estimate.verdict.with_care(care, response))
        gap = response.mean
        estimate = _with_bias(estimate, gain, Bias.of_gap(gap), level)
        if abs(gap.value) > _ERRORS * gap.standard_error:
            fault = (
                f"users take other slates otherwise than the model: weights give a gain that is"
                f" {gap.value:+.3g} beyond the one that they give in simulated sessions,"
                f" {gap.distance:.1f} standard errors"
            )
            return estimate._replace(verdict=Verdict(NOT_BELIEVABLE, fault))
        return estimate._replace(verdict=estimate.verdict.with_care(care))

    def _gap(self, sample: Sample) -> ResponseGap | str:
        """The gains by weights in the log and in sessions of the model; or the reason why they are
        unknown, in words.
        """
        unknown = "the log cannot tell how users take other slates"
        if isinstance(self.response, str):
            return unknown + self.response
        if missing := sample.missing_input(_CHECK):
            return f"{unknown}, without {missing}"
        gains = []
        for each in (sample, self.response):
            if each.weights(_CHECK).effective_sample_size < _FEWEST_CHECKED:
                return f"{unknown}, since too few sessions count"
            gains.append(each.session_values(_CHECK) - each.returns)
        logged, simulated = gains
        return ResponseGap(logged, simulated, sample.users)


def _with_bias(estimate: Estimate, gain: Mean, bias: Bias, level: float) -> Estimate:
    """The estimate with its gain, whose intervals include the bias of the gain, and a verdict on
    them.
    """
    low, high = widened(Mean(estimate.value, estimate.standard_error), bias, level)
    verdict = estimate.verdict
    if verdict.is_believable:
        verdict = Verdict.of(estimate.value, (high - low) / 2)
    return estimate._replace(
        interval=(low, high),
        verdict=verdict,
        gain=Gain(gain.value, widened(gain, bias, level)),
        assumptions=_CHECKED.assumptions,
    )


def _difference(
    simulated: np.ndarray, sample: Sample, logged: np.ndarray, draws: Any = (), users: Any = ()
) -> Mean:
    """The mean of simulated sessions less the mean of logged values [S]. It is paired by session
    where the simulation follows all sessions of the log. Its error includes that of the parameters.
    `users` are the users of simulated sessions that follow others.
    """
    if len(simulated) == len(logged):
        return mean_of(simulated - logged, sample.users, draws)
    model, log = mean_of(simulated, users, draws), mean_of(logged, sample.users)
    difference = Mean(model.value - log.value, model.standard_error)
    return difference.with_error(log.standard_error)


@checked
def truth(
    simulator: Simulator,
    policy: Policy,
    num_steps: int,
    num_sessions: Annotated[int, AtLeast(2)] = 100_000,
    seed: int = 0,
    gamma: float = 1.0,
) -> Estimate:
    """The mean return of a policy by rollouts, with its standard error. The arguments are those of
    `evaluation.value`.

    Raises:
      ValueError: if `simulator` is not a Simulator, if there are fewer than 2 sessions, or if the
        policy does not fit the simulator.
    """
    check_policy_of(simulator, policy)
    returns = value(simulator, policy, num_sessions, num_steps, seed, gamma=gamma)
    return Estimate.of_sessions(returns, 0.95)
