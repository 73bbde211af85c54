"""What a policy earns in a simulator, and what a change of policy is worth there."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Policy, Transition
from recsim_tf.core.base.validation import check_at_least, check_type
from recsim_tf.core.simulator import Simulator
from recsim_tf.ope.diagnostics import Verdict
from recsim_tf.ope.results import Estimate, Gain
from recsim_tf.support.means import Mean

# Standard errors that a model may be off where it can be seen.
_ERRORS = 3.0
_NUM_DRAWS = 20  # of the parameters of a fitted model


def returns(
    simulator: Simulator,
    policy: Policy,
    num_sessions: int,
    num_steps: int,
    seed: int = 0,
    gamma: float = 1.0,
    values: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """The returns [B] of simulated sessions, in units of reward. Policies meet the same users, and
    the same noise as long as they show the same.

    Args:
      simulator: of the users.
      policy: any rollout policy.
      num_sessions: B.
      num_steps: T, after which sessions are cut off.
      seed: an integer.
      gamma: discount of each step, beside that of the users.
      values: draws [D, ...] of parameters of the simulator, by name. The result is then [D, B].
    """

    def add(carry: tuple, transition: Transition):
        total, factor = carry
        total += tf.where(transition.active, factor * tf.cast(transition.reward, tf.float32), 0)
        # Not 0 where a user leaves, who is inactive from then on.
        discount = transition._replace(terminated=tf.zeros_like(transition.terminated)).discount
        return total, gamma * factor * discount

    def of(simulator: Simulator) -> np.ndarray:
        begun = tf.zeros([num_sessions]), tf.ones([num_sessions])
        found = simulator.fold(policy, num_sessions, num_steps, seed, add, begun)[0]
        return found.numpy().astype(np.float64)

    if values is None:
        return of(simulator)
    tensors = {name: tf.constant(one, simulator.users.dtype) for name, one in values.items()}
    draws = [
        {name: one[draw] for name, one in tensors.items()}
        for draw in range(len(next(iter(values.values()))))
    ]
    return np.stack([of(simulator.with_parameters(draw)) for draw in draws])


class Simulations:
    """The two simulated estimators.

    Args:
      model: a `Simulator`, or a fitted one with draws of its parameters: a `FitResult`, or what
        `fitting.load_model` gives. Intervals then hold what the fit leaves open.
      policy: to be judged.
      logging: the policy that logged, or None.
      num_sessions: of a simulation.
      **arguments: further ones of `returns`.

    Raises:
      ValueError: for what is no model.
    """

    def __init__(
        self,
        model: Any,
        policy: Policy,
        logging: Policy | None,
        num_sessions: int,
        **arguments: Any,
    ):
        simulator = getattr(model, "simulator", model)
        check_type("model", simulator, Simulator)
        check_at_least(2, num_simulated=num_sessions)
        draws = getattr(model, "draws", None) if getattr(model, "has_uncertainty", True) else None
        draws = draws(_NUM_DRAWS, arguments["seed"]) if callable(draws) else draws
        few = max(num_sessions // _NUM_DRAWS, 2)

        def found(one: Policy) -> tuple[np.ndarray, Any]:
            alone = returns(simulator, one, num_sessions, **arguments)
            if not draws:
                return alone, ()
            return alone, returns(simulator, one, few, values=draws, **arguments)

        self._new = found(policy)
        self._old = None if logging is None else found(logging)

    def alone(self, logged: np.ndarray, level: float) -> Estimate:
        """The mean return under the new policy in the model; `logged` are the log's returns [S]."""
        off = self._off(logged)
        fault = f"{off}: read calibrated" if off else ""
        sessions, draws = self._new
        estimate = Estimate.of_sessions(sessions, level, fault, draws=draws)
        log = Mean.of(logged)
        beyond = Mean(estimate.value - log.value, estimate.standard_error)
        beyond = beyond.with_error(log.standard_error)
        estimate = estimate._replace(gain=Gain(beyond.value, beyond.interval(level)))
        if self._old is not None:
            return estimate
        unchecked = Verdict("unchecked", "give logging, to see the model beside the log")
        return estimate._replace(verdict=unchecked)

    def _off(self, logged: np.ndarray) -> str:
        """How far the model is from the log, in words; "" where it cannot be seen to be."""
        if self._old is None:
            return ""
        simulated, log = Mean.of(self._old[0]), Mean.of(logged)
        gap = simulated.value - log.value
        if abs(gap) <= _ERRORS * np.hypot(simulated.standard_error, log.standard_error):
            return ""
        return f"the model is {abs(gap / log.value):.1%} off on the logging policy itself"

    def difference(self, logged: np.ndarray, level: float) -> Estimate:
        """The log's mean, and what the change of the policy adds to it in the model (a difference
        estimator, Cochran 1977).
        """
        if self._old is None:
            raise ValueError("logging must be the policy that logged, for calibrated, got None")
        (new, new_draws), (old, old_draws) = self._new, self._old
        draws = new_draws - old_draws if np.ndim(new_draws) == 2 else ()
        gain, log = Estimate.of_sessions(new - old, level, draws=draws), Mean.of(logged)
        total = Mean(log.value + gain.value, gain.standard_error).with_error(log.standard_error)
        estimate = Estimate.of(total, level)
        if off := self._off(logged):
            estimate = estimate._replace(verdict=estimate.verdict.with_care(off))
        return estimate._replace(
            gain=Gain(gain.value, gain.interval), sessions=log.value + gain.sessions, draws=draws
        )


def truth(
    simulator: Simulator,
    policy: Policy,
    num_steps: int,
    num_sessions: int = 100_000,
    seed: int = 0,
    gamma: float = 1.0,
) -> Estimate:
    """The mean return of a policy by rollouts, with its standard error; arguments are those of
    `returns`.
    """
    check_at_least(2, num_sessions=num_sessions)
    found = returns(simulator, policy, num_sessions, num_steps, seed, gamma)
    return Estimate.of_sessions(found, 0.95)
