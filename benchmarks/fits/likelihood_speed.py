# SPDX-License-Identifier: Apache-2.0
"""Speed of the likelihood of sessions with its gradient, and memory of a log that is read from
disk.

Interest evolution with everything logged, its five parameters as in the recovery. Seconds are of
the CPU and medians of repeated calls after the first one, which compiles. Costs are those of a
session or a step beside the largest batch and the longest session: equal numbers mean that the cost
is linear. Memory is the largest resident size of a process that makes one pass through an episode
log in pieces of 250 sessions, for a log and for one four times as long.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import processes
import tensorflow as tf
from fits import recovery
from sections import Section, Settings, section
from speeds.common import medians, seconds_of_turns

from recsim_tf.core.random import split_seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, interest_evolution
from recsim_tf.fitting import LBFGS, Classes, Exact, Parameter
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.lbfgs import maximise, rounding_of, standard_errors
from recsim_tf.logs import Log, episodes, simulated_log, stream_episodes
from recsim_tf.policies.random import random_policy
from recsim_tf.worlds import feed

# Full and quick.
_BATCHES = {False: (16, 64, 256, 1024, 4096), True: (4, 8)}
_LENGTHS = {False: (5, 10, 20, 40), True: (2, 4)}
_BATCH, _LENGTH, _REPEATS = {False: 512, True: 8}, {False: 20, True: 4}, {False: 7, True: 2}
_SESSIONS, _PIECE = {False: (1000, 4000), True: (20, 40)}, 250


def speed(settings: Settings) -> Section:
    """Sessions per CPU second by batch size and by length, in graph mode and under XLA, and memory
    by the length of the log; the trace of a sum over nine classes; and evaluations of L-BFGS.
    """
    quick, seed = settings.quick, settings.seed
    by_batch = [(batch, _LENGTH[quick]) for batch in _BATCHES[quick]]
    by_length = [(_BATCH[quick], length) for length in _LENGTHS[quick]]
    seconds = {
        (xla, *size): _seconds(*size, xla, seed, quick)
        for xla in (False, True)
        for size in dict.fromkeys(by_batch + by_length)
    }
    small, large = (_peak_memory(sessions) for sessions in _SESSIONS[quick])
    figures = {
        "fitting_speed.sessions_per_second": max(
            size[0] / seconds[xla, *size] for xla in (False, True) for size in by_batch
        ),
        # Twice the length, four times the batch: 1 where the cost is linear.
        "fitting_speed.cost_of_length": _growth(seconds, by_length, 1),
        "fitting_speed.cost_of_batch": _growth(seconds, by_batch, 0),
        "fitting_speed.memory_of_longer_log": large / small,
        "fitting_speed.trace_nine_classes_s": _trace_of_classes(9, seed, quick),
        "fitting_speed.evaluations_an_iteration": _evaluations(seed, quick),
    }
    rows = [("sessions", "steps", "graph: sessions/s", "µs/step", "XLA: sessions/s", "µs/step")]
    for batch, length in dict.fromkeys(by_batch + by_length):
        cells = []
        for xla in (False, True):
            taken = seconds[xla, batch, length]
            cells += [f"{batch / taken:,.0f}", f"{taken / batch / length * 1e6:.2f}"]
        rows.append((f"{batch:,}", str(length), *cells))
    sessions = _SESSIONS[quick]
    of_length, of_batch, _, trace, evaluations = list(figures.values())[1:]
    notes = [
        f"Cost of a step at twice the length {of_length:.2f}, of a session in a batch four times as"
        f" large {of_batch:.2f} (1: linear).",
        f"Trace of a sum over nine classes: {trace:.1f} s. L-BFGS: {evaluations:.2f} evaluations an"
        " iteration.",
        f"Memory of a pass through {sessions[0]:,} and {sessions[1]:,} sessions on disk:"
        f" {small / 2**20:,.0f} and {large / 2**20:,.0f} MiB. Seconds are of the CPU.",
    ]
    title = "Interest evolution, log-likelihood and gradient in five parameters"
    return section(settings, title, rows, figures, notes=notes, left=())


def _growth(seconds: dict, sizes: list[tuple[int, int]], axis: int) -> float:
    """How the cost of a unit of a size grows between the two largest sizes, under XLA."""
    small, large = (seconds[True, *size] / size[axis] for size in sizes[-2:])
    return large / small


def _seconds(batch: int, length: int, jit_compile: bool, seed: int, quick: bool) -> float:
    """Median CPU seconds of the likelihood and gradient of a batch of sessions of one length."""
    fitted = _fitted()
    likelihood = Exact(jit_compile=jit_compile, search=LBFGS(batch_size=batch)).objective(
        fitted, _log_of_length(batch, length, seed)
    )
    (batch_of_log,) = likelihood.batches()
    run = {"of": lambda turn: likelihood.value_and_gradients(batch_of_log)[0].numpy()}
    (seconds,) = medians(seconds_of_turns(run, 0.0, _REPEATS[quick]), "of")
    return seconds


def _trace_of_classes(num_classes: int, seed: int, quick: bool) -> float:
    """CPU seconds of the first sum over the classes of the appetites of a feed, less those of the
    second one.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(num_classes)
    with mock.patch.multiple(feed, NODES=nodes, WEIGHTS=weights):
        simulator = Simulator(feed.Viewers(), feed.Videos(100), 1, 10)
        log = simulated_log(simulator, 4 if quick else 256, 3 if quick else 20, seed)
        log = log._replace(initial=log.initial._replace(appetite=()))
        parameters = {f"users.{name}": Parameter() for name in ("change", "appetite")}
        objective = Classes().objective(FittedSimulator(simulator, parameters), log)
        seconds = []
        for _ in range(2):
            started = time.process_time()
            objective.total()
            seconds.append(time.process_time() - started)
    return seconds[0] - seconds[1]


def _evaluations(seed: int, quick: bool) -> float:
    """Evaluations of an iteration of L-BFGS that fits parameters of interest evolution until it has
    converged, without the few that give the units of the search.
    """
    log = _log_of_length(20 if quick else 2000, 10, seed)
    # Nobody leaves, so that the others act on nothing.
    names = list(recovery.TRUTH)[:3]
    starts = {
        name: Parameter(4 / 3 * recovery.TRUTH[name][0], recovery.TRUTH[name][1]) for name in names
    }
    fitted = FittedSimulator(_simulator(), starts)
    objective = Exact().objective(fitted, log)
    evaluations, iterations = [], []

    def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
        fitted.assign_flat(flat)
        value, gradients = objective.total()
        evaluations.append(value)
        return value, flatten(gradients)

    maximise(
        function,
        fitted.flat(),
        lambda position: standard_errors(objective, position),
        2 if quick else 200,
        LBFGS().tolerance,
        "the log-likelihood",
        rounding=rounding_of(objective),
        after_iteration=lambda: iterations.append(len(evaluations)),
    )
    return len(evaluations) / len(iterations)


def _simulator(**users):
    truth = {name: value for name, (value, _) in recovery.TRUTH.items()}
    users = InterestEvolutionUsers(departure_temperature=1.0, **users)
    return interest_evolution(users=users).with_parameters(truth)


def _fitted() -> FittedSimulator:
    truth = recovery.TRUTH.items()
    return FittedSimulator(
        _simulator(), {name: Parameter(value, support) for name, (value, support) in truth}
    )


def _log_of_length(num_sessions: int, length: int, seed: int) -> Log:
    # With so large a budget nobody leaves before.
    return simulated_log(_simulator(time_budget=1e4), num_sessions, length, seed)


def _peak_memory(num_sessions: int) -> int:
    """Bytes of a process that makes one pass through an episode log."""
    with tempfile.TemporaryDirectory() as folder:
        task = {"path": str(Path(folder) / "log.tfrecord"), "writes": num_sessions}
        processes.run_worker(__name__, task, False)
        return processes.run_worker(__name__, {**task, "writes": 0}, False)["bytes"]


class Task(NamedTuple):
    """The task of a process that writes or reads an episode log."""

    path: str
    writes: int  # sessions; 0 to read


def timed(task: Task) -> dict[str, int]:
    simulator = _simulator()
    if task.writes:
        size = min(task.writes, _PIECE)
        policy = random_policy(simulator)
        rollout = tf.function(lambda seed: simulator.rollout(policy, size, 20, seed))
        with episodes.Writer(task.path, simulator) as writer:
            for seed in split_seed(0, task.writes // size):
                writer.add(rollout(seed))
    else:
        log = stream_episodes(task.path, simulator, _PIECE)
        Exact(search=LBFGS(batch_size=50)).objective(_fitted(), log).total()
    # The peak of this process alone; that of getrusage is inherited from the one that started it.
    status = Path("/proc/self/status").read_text()
    return {"bytes": int(status.split("VmHWM:")[1].split()[0]) * 1024}
