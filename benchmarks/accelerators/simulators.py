"""Simulators and fits as programs: what `Simulator.export` writes, and an evaluation of a fit."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from accelerators.folder import Folder

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs import stablehlo
from recsim_tf.core.runs.execution import compiled, for_accelerators
from recsim_tf.core.runs.programs import simulator_programs
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Exact, Parameter
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from recsim_tf.policies import random_policy

_STEPS = {False: 10, True: 4}
_SEED = 0
FITTED = "InterestEvolution-v1"


def export(
    folder: Folder, environments: Sequence[str], num_users: int, quick: bool
) -> list[dict[str, Any]]:
    """Writes a folder of `Simulator.export` for each environment; what the index says of each."""
    return [_export(folder, environment, num_users, _STEPS[quick]) for environment in environments]


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


def _export(folder: Folder, environment: str, num_users: int, num_steps: int) -> dict[str, Any]:
    simulator, seed = _simulator(environment), random.as_seed(_SEED)
    policy = random_policy(simulator)
    parameters = {
        name: tf.cast(value, simulator.users.dtype)
        for name, value in simulator.parameters().items()
        if tf.convert_to_tensor(value).dtype.is_floating
    }

    def expected(seed, parameters):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            model = simulator.with_parameters(parameters)
            trajectory = model.rollout(policy, num_users, num_steps, seed)
            recorded = tf.nest.map_structure(tf.stop_gradient, trajectory)
            log_prob = tf.reduce_sum(model.log_prob(recorded).total)
        gradients = tape.gradient(log_prob, list(parameters.values()), unconnected_gradients="zero")
        return (
            tf.reduce_sum(trajectory.transitions.reward),
            log_prob,
            tf.linalg.global_norm(gradients),
        )

    with for_accelerators():
        names = "reward", "log_prob", "gradient"
        values = compiled(expected, jit_compile=True)(seed, parameters)
    return {
        "name": environment,
        "folder": folder.add_folder(
            environment, lambda path: simulator.export(path, policy, num_users, num_steps)
        ),
        "seed": seed.numpy().tolist(),
        "expected": {name: float(value) for name, value in zip(names, values, strict=True)},
    }


@functools.cache
def _simulator(environment: str) -> Simulator:
    # Any number of users are one world.
    return recsim_tf.make(environment, users_per_world=None)
