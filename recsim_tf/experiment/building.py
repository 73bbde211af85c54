# SPDX-License-Identifier: Apache-2.0
"""The parts of a run, built from the loaded configuration, and the command that takes them.

Only here is a part of a run built without arguments, of the bindings of gin. The commands, and all
below them, receive the parts as arguments.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.experiment.commands.doctor import CONFIG, read_table, run_doctor
from recsim_tf.experiment.commands.fit import FitRun, run_fit, show_ended
from recsim_tf.experiment.commands.gate import Requirement
from recsim_tf.experiment.commands.ope import OpeRun, read_log, run_ope
from recsim_tf.experiment.commands.simulate import Simulation, run_simulation
from recsim_tf.experiment.commands.validate import ValidationRun, run_validation
from recsim_tf.experiment.gin.bindings import bound_value, built
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.logs.examination.findings import Findings
from recsim_tf.support.errors import UsageError

# The commands that need agents are imported where they are called: fits need no TF-Agents.


def fit(folder: RunDirectory) -> dict[str, Any]:
    """Fits models to a log, see `run_fit`; where `run_fit.validate` is true, validates the fit."""
    content = show_ended(folder)
    if content and not bound_value("run_fit.validate"):
        return content
    run = built(FitRun, "run_fit")
    validation = ValidationRun() if run.validate else None
    content = content or run_fit(folder, run)
    if validation is not None:
        run_validation(folder, run, validation)
    return content


def validate(folder: RunDirectory, trust: Sequence[str] = ()) -> dict[str, Any]:
    """Validates the fit of a run; see `run_validation`."""
    return run_validation(folder, built(FitRun, "run_fit"), ValidationRun(), trust)


def ope(
    folder: RunDirectory, trust: Sequence[str] = (), require: Sequence[str] = ()
) -> dict[str, Any]:
    """Judges policies from a log; see `run_ope`. Requirements are texts as in `--require`."""
    required = [Requirement.parse(text) for text in require]  # Before OpeRun makes the log.
    return run_ope(folder, OpeRun(), trust, required)


def doctor(
    log: str, column: Sequence[str] = (), multiple_clicks: bool = False, output: str | None = None
) -> Findings:
    """Examines a table, or the log of a configuration of `ope`; see `run_doctor`."""
    if not log.endswith(CONFIG):
        return run_doctor(lambda: read_table(log, column, multiple_clicks), output)
    if column or multiple_clicks:
        raise UsageError(f"--column and --multiple_clicks are for a table, got LOG {log}")
    config.load([log], [])
    return run_doctor(lambda: read_log(OpeRun()), output)


def simulate(folder: RunDirectory, episode_file: str | None = None) -> dict[str, Any]:
    """Simulates policies that do not learn; see `run_simulation`."""
    simulation = built(Simulation, "simulate")
    return run_simulation(folder, simulation, Evaluation(), episode_file)


def train(folder: RunDirectory) -> Any:
    """Trains the configured agent, see `TrainingRun`."""
    from recsim_tf.experiment.commands.train import Schedule, TrainingRun
    from recsim_tf.training.devices import connect

    schedule, devices = Schedule(), connect()
    with devices.strategy.scope():
        training = _training()
    return TrainingRun(folder, training, devices, schedule, Evaluation()).run()


def evaluate(folder: RunDirectory, watch: bool = False, watch_timeout: float = 3600.0) -> Any:
    """Evaluates agent and baselines, see `run_evaluation`, or new checkpoints, see `watch_run`."""
    from recsim_tf.experiment.commands.evaluate import run_evaluation, watch_run

    training, evaluation = _training(), Evaluation()
    if watch:
        return watch_run(folder, training, evaluation, num_iterations(), watch_timeout)
    return run_evaluation(folder, training, evaluation)


def sessions(folder: RunDirectory, **options: Any) -> Path:
    """Shows sessions of a run as a `Request` of these options asks; see `run_sessions`."""
    from recsim_tf.experiment.commands import sessions as command

    evaluation, request = Evaluation(), command.Request(**options)
    request.check(evaluation)
    if "simulate" in folder.results("restore it, or remove it"):
        chosen = command.of_simulation(built(Simulation, "simulate"), request.policy)
    else:
        chosen = command.of_training(folder, _training(), request.policy)
    return command.run_sessions(folder, chosen, evaluation, request)


def num_iterations() -> int:
    """The iterations of the configured training."""
    from recsim_tf.experiment.commands.train import Schedule

    return Schedule().num_iterations


def check_training() -> None:
    """Builds the parts of the configured training, to raise the errors that it would begin with."""
    num_iterations()
    _training()
    Evaluation()


def _training() -> Any:
    from recsim_tf.training import Training

    return built(Training, "experiment")
