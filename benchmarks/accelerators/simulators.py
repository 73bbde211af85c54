# SPDX-License-Identifier: Apache-2.0
"""Log-likelihoods with gradients, of simulators and in a fit, as StableHLO."""

import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs import stablehlo
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.runs.programs import simulator_programs
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.targets import for_accelerators
from recsim_tf.fitting import LBFGS, Exact, Parameter
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from recsim_tf.policies import random_policy

_STEPS = {False: 10, True: 4}
_SEED = 0
FITTED = "InterestEvolution-v1"


def log_prob_text(environment: str, num_users: int, quick: bool) -> str:
    """The program of a log-likelihood with its gradient."""
    simulator = _simulator(environment)
    policy = random_policy(simulator)
    return simulator_programs(simulator, policy, num_users, _STEPS[quick])["log_prob"].text


def fit_text(num_sessions: int, quick: bool) -> str:
    """The program of an evaluation of a fit: the likelihood of logged sessions, and its gradient in
    the parameters that are fitted.
    """
    simulator = _simulator(FITTED)
    log = simulated_log(simulator, num_sessions, _STEPS[quick], _SEED)
    parameters = {
        "users.choice_model.no_click_mass": Parameter(),
        "users.step_penalty": Parameter(),
    }
    method = Exact(jit_compile=True, search=LBFGS(batch_size=num_sessions))
    with for_accelerators():
        objective = method.objective(FittedSimulator(simulator, parameters), log)
        (batch,) = objective.batches()
        evaluate = compiled(objective.value_and_gradients, jit_compile=True)
        arguments = [tf.nest.map_structure(tf.convert_to_tensor, batch), random.as_seed(_SEED)]
        return stablehlo.export(evaluate, arguments, "fit", num_sessions).text


def _simulator(environment: str) -> Simulator:
    # Any number of users are one world.
    return recsim_tf.make(environment, users_per_world=None)
