"""What a policy earns in a model of the users, and what a change of policy is worth there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsim_tf.core.base.types import Policy
from recsim_tf.core.base.validation import check_at_least, check_type
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.value import value
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.ope.diagnostics import Verdict
from recsim_tf.ope.results import Estimate, Gain, mean_of
from recsim_tf.ope.sample import Sample
from recsim_tf.support.means import Mean

# Standard errors that a model may be off where it can be seen.
_ERRORS = 3.0
_NUM_DRAWS = 20  # of the parameters of a fitted model


class Simulations:
    """The two simulated estimators. Simulated sessions follow those of the log, see `SessionPlan`.

    Args:
      model: a `Simulator`, or a fitted one with draws of its parameters: a `FitResult`, or what
        `fitting.load_model` gives. Intervals then hold what the fit leaves open.
      policy: to be judged.
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
        policy: Policy,
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
        draws: Mapping[str, np.ndarray] | None = None
        if getattr(model, "has_uncertainty", True):
            draws = getattr(model, "draws", None)
            draws = draws(_NUM_DRAWS, seed) if callable(draws) else draws
        plan = SessionPlan(simulator, log, num_sessions, seed)
        few = SessionPlan(simulator, log, max(num_sessions // _NUM_DRAWS, 2), seed)

        def simulated(policy: Policy) -> tuple[np.ndarray, Any]:
            returns = plan.by_session(_returns(plan, policy, seed, gamma))
            return returns, _returns(few, policy, seed, gamma, draws) if draws else ()

        self._new = simulated(policy)
        self._old = None if logging is None else simulated(logging)

    def alone(self, sample: Sample, level: float) -> Estimate:
        """The mean return under the new policy in the model, beside a log."""
        off = self._off(sample)
        fault = f"{off}: read calibrated" if off else ""
        sessions, draws = self._new
        estimate = Estimate.of_sessions(
            sessions, level, fault, draws=draws, users=_users(sessions, sample)
        )
        beyond = _difference(sessions, sample, sample.returns, draws)
        estimate = estimate._replace(gain=Gain(beyond.value, beyond.interval(level)))
        if self._old is not None:
            return estimate
        unchecked = Verdict("unchecked", "give logging, to see the model beside the log")
        return estimate._replace(verdict=unchecked)

    def _off(self, sample: Sample) -> str:
        """How far the model is from the log, in words; "" where it cannot be seen to be."""
        if self._old is None:
            return ""
        gap = _difference(self._old[0], sample, sample.returns)
        if not abs(gap.value) > _ERRORS * gap.standard_error:
            return ""
        part = abs(gap.value / sample.returns.mean())
        return f"the model is {part:.1%} off on the logging policy itself"

    def difference(self, sample: Sample, level: float) -> Estimate:
        """A log's mean, and what the change of the policy adds to it in the model (a difference
        estimator, Cochran 1977).
        """
        if self._old is None:
            raise ValueError("logging must be the policy that logged, for calibrated, got None")
        (new, new_draws), (old, old_draws) = self._new, self._old
        draws = new_draws - old_draws if np.ndim(new_draws) == 2 else ()
        users = _users(new, sample)
        gain = Estimate.of_sessions(new - old, level, draws=draws, users=users)
        estimate = Estimate.of(_difference(new - old, sample, -sample.returns, draws), level)
        if off := self._off(sample):
            estimate = estimate._replace(verdict=estimate.verdict.with_care(off))
        return estimate._replace(
            gain=Gain(gain.value, gain.interval),
            sessions=sample.returns.mean() + gain.sessions,
            draws=draws,
            users=users,
        )


def _returns(
    plan: SessionPlan,
    policy: Policy,
    seed: int,
    gamma: float,
    draws: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """The returns [B] of the sessions of a plan, or [D, B]."""
    return value(
        plan.simulator,
        policy,
        len(plan.row),
        plan.num_steps,
        seed,
        gamma=gamma,
        draws=None if draws is None else plan.draws(draws),
        start=plan.start,
        ends=plan.ends,
    )


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
