"""The commands: each builds its parts from the loaded configuration and runs.

Only here are the parts of a run built without arguments, from what gin binds. Everything below
receives them as arguments. Fits, which need no TF-Agents, are in
`commands/fit.py`.
"""

from pathlib import Path
from typing import Any

import gin

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.policy_results import Results
from recsim_tf.experiment.commands.evaluate import evaluate_run, watch_run
from recsim_tf.experiment.commands.sessions import (
    Request,
    of_simulation,
    of_training,
    show_sessions,
)
from recsim_tf.experiment.commands.simulate import Simulation, simulate_policies
from recsim_tf.experiment.commands.train import Schedule, TrainingRun
from recsim_tf.experiment.gin.bindings import bound_value
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training.devices import connect
from recsim_tf.experiment.training.parts import experiment


def train(folder: RunDirectory) -> dict[str, Any] | None:
    """Trains the configured agent; see `TrainingRun`."""
    schedule, devices = Schedule(), connect()
    with devices.strategy.scope():
        parts = experiment()
    return TrainingRun(folder, parts, devices, schedule, Evaluation()).run()


def evaluate(folder: RunDirectory) -> Results:
    """Evaluates the agent of a run and its baselines; see `evaluate_run`."""
    return evaluate_run(folder, experiment(), Evaluation())


def watch(folder: RunDirectory, timeout: float) -> int:
    """Evaluates the agent at every new checkpoint of a run; see `watch_run`."""
    return watch_run(folder, experiment(), Evaluation(), Schedule().num_iterations, timeout)


def simulate(folder: RunDirectory, episode_file: str | None = None) -> dict[str, Any]:
    """Simulates policies that do not learn; see `simulate_policies`."""
    return simulate_policies(folder, _simulation(), Evaluation(), episode_file)


def sessions(folder: RunDirectory, request: Request) -> Path:
    """Shows sessions of a training or of a simulation; see `show_sessions`."""
    evaluation = Evaluation()
    request.check(evaluation)
    chosen = (
        of_simulation(_simulation(), request.policy)
        if folder.is_simulation()
        else of_training(folder, experiment(), request.policy)
    )
    return show_sessions(folder, chosen, evaluation, request)


def _simulation() -> Simulation:
    """The configured simulation. Its environment is that of `experiment.simulator` where nothing is
    bound to `simulate.simulator`.
    """
    simulator = bound_value("experiment.simulator")
    if simulator is not None and bound_value("simulate.simulator") is None:
        with gin.unlock_config():
            gin.bind_parameter("simulate.simulator", simulator)
    return Simulation()
