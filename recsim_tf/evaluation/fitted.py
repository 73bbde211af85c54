"""Evaluations with a fitted model: what the log leaves open about their results."""

from collections.abc import Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow_probability as tfp

from recsim_tf import fitting
from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.core.base.types import Seed, SimulatorState
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import AnyPolicy
from recsim_tf.evaluation.comparison import JointValues
from recsim_tf.evaluation.measures import PolicyResult
from recsim_tf.logs.arguments import log_of
from recsim_tf.support.errors import UsageError
from recsim_tf.support.means import error_of_draws

_LEVEL = 0.95
_FEWEST_USERS = 100  # of a draw of the parameters


@gin.configurable(module="recsim_tf")
class FittedModel:
    """The fitted model that an evaluation simulates with, and its log.

        experiment.simulator = @load_simulator()
        load_simulator.folder = "runs/fit/model"
        Evaluation.fitted = @FittedModel()
        FittedModel.folder = "runs/fit/model"

    With a folder, a mean return gets a 95 % interval that holds the uncertainty of the parameters.
    As many users again are simulated, in equal parts of at least 100, each with its own draw of the
    parameters; all draws meet the same users and noise. What the users' noise adds to the variance
    between draws is taken off, as in an analysis of variance. Policies stay those of the estimates.

    With a log, each policy gets a sentence that says how far its slates are from logged ones, see
    `fitting.slate_support`.

    Args:
      folder: None, or that of `fitting.save_model`.
      log: None, or the `Log`, or what a reader gives, to which the model was fitted.
      users_of_log: whether sessions begin with users of the log, see `fitting.logged_users`; else
        all users are drawn from the models.
      imports: modules that the model may name, see `fitting.load_model`.

    Raises:
      ValueError: without a folder and a log, for `users_of_log` without a log, and for a model
        without draws of its parameters.
    """

    def __init__(
        self,
        folder: str | None = None,
        log: Any = None,
        users_of_log: bool = False,
        imports: Sequence[str] = (),
    ):
        if folder is None and log is None:
            raise ValueError("FittedModel must have a folder or a log, got neither")
        self._log: Any = None if log is None else log_of("FittedModel.log", log)
        if users_of_log and log is None:
            raise ValueError("FittedModel.users_of_log needs FittedModel.log, got None")
        self._users_of_log = users_of_log
        self._draws: Mapping[str, np.ndarray] = {}
        if folder is not None:
            self._draws = fitting.load_model(folder, imports).draws
            if not self._draws:
                raise ValueError(
                    "FittedModel.folder must hold a model with draws of its parameters, got one of"
                    f" a fit without uncertainty, or of too many numbers: {folder}"
                )

    def start(self, simulator: Simulator, num_users: int, seed: Seed) -> SimulatorState | None:
        """The states in which sessions begin, or None for users of the models."""
        if not self._users_of_log:
            return None
        return fitting.logged_users(simulator, self._log, num_users, seed)

    def drawn(
        self, simulator: Simulator, num_users: int, seed: int
    ) -> tuple[JointValues, Simulator] | None:
        """The draws of the parameters, each with its part of about so many users, and the simulator
        of all of them; None where no folder gives draws.

        Raises:
          UsageError: for draws of parameters that the environment does not have.
        """
        if not self._draws:
            return None
        number = len(next(iter(self._draws.values())))
        try:
            comparison = JointValues(self._draws, seed, max(num_users // number, _FEWEST_USERS))
            return comparison, comparison.simulator(simulator)
        except ValueError as error:
            raise UsageError(f"FittedModel.folder: {error}") from error

    def add_to(
        self,
        results: Sequence[PolicyResult],
        returns: Mapping[str, np.ndarray],
        simulator: Simulator,
        policies: Mapping[str, AnyPolicy],
        seed: int,
    ) -> list[PolicyResult]:
        """Results with their intervals and sentences.

        Args:
          results: of the policies, with the estimates of the parameters.
          returns: by policy [N, U], of each draw of the parameters and each user; empty without
            draws.
          simulator: that of the results.
          policies: by name.
          seed: of the slates that are compared with those of the log.
        """
        results = [
            with_interval(result, error_of_draws(returns[result.policy]))
            if result.policy in returns
            else result
            for result in results
        ]
        if self._log is None:
            return results
        supports = {
            name: fitting.slate_support(simulator, rollout_policy(policy), self._log, seed=seed)
            for name, policy in policies.items()
        }
        return [result._replace(support=supports[result.policy].sentence) for result in results]


def with_interval(result: PolicyResult, parameter_error: float) -> PolicyResult:
    """The result with the interval of its mean return that the errors of sessions and of parameters
    make together.
    """
    normal = tfp.distributions.Normal(
        np.float64(0), np.hypot(result.standard_error, parameter_error)
    )
    half = float(normal.quantile(0.5 + _LEVEL / 2))
    return result._replace(interval=(result.mean_return - half, result.mean_return + half))
