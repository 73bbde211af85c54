# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf sessions`: sessions of a run's policy for people who read them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.base.arguments import WholeNumber, require
from recsim_tf.core.models.wording import wording_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import AnyPolicy
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment.commands.simulate import Simulation
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sessions.recording import Recording, record
from recsim_tf.experiment.sessions.table import file_of_table, session_table
from recsim_tf.experiment.sessions.turn_texts import sessions_in_words
from recsim_tf.experiment.sessions.views import sessions_page, sessions_text
from recsim_tf.policies import BASELINES, baseline_policy
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import require_writable
from recsim_tf.support.outputs import write_folder
from recsim_tf.training.training import Training

# Users that are shown by default.
_NUM_USERS = 3
# Turns of a session on the page, which a browser still shows at once.
_PAGE_TURNS = 200


class Request(NamedTuple):
    """The options of the command."""

    policy: str | None = None  # by its name; None for the agent
    user: int | None = None  # the only one to show
    num_users: int | None = None  # to show, the first ones
    seed: int | None = None  # None for that of the evaluation
    max_turns: int = 10  # of each session, that are printed
    output: str | None = None  # a new folder

    def check(self, evaluation: Evaluation) -> None:
        """Refuses wrong options before anything is built. Raises a ValueError for a number out of
        range, or an output that exists.
        """
        limit = evaluation.num_users
        if self.user is not None and not 0 <= self.user < limit:
            raise UsageError(
                f"--user must be in [0, Evaluation.num_users={limit}), got {self.user}"
            )
        if self.num_users is not None and not 1 <= self.num_users <= limit:
            raise UsageError(
                f"--num_users must be in [1, Evaluation.num_users={limit}], got {self.num_users}"
            )
        share, num_users = evaluation.division.share(limit), len(self.users(evaluation))
        if num_users > share:
            raise UsageError(
                f"--num_users must be in [1, {share}], the users of one of"
                f" Evaluation.num_replicas={evaluation.division.num_replicas}, got {num_users}"
            )
        require("--max_turns", self.max_turns, WholeNumber)
        if self.seed is not None:
            random.as_seed(self.seed)
        if self.output is not None and Path(self.output).exists():
            raise UsageError(f"--output {self.output} exists, name a new folder")

    def users(self, evaluation: Evaluation) -> Sequence[int]:
        """The numbers of the users to show."""
        if self.user is not None:
            return (self.user,)
        return range(self.num_users or min(_NUM_USERS, evaluation.num_users))


class Chosen(NamedTuple):
    """A policy of a run."""

    simulator: Simulator
    name: str
    policy: AnyPolicy
    iteration: int | None = None  # of the checkpoint, where the policy was trained


def of_training(folder: RunDirectory, training: Training, name: str | None) -> Chosen:
    """The policy of a training: a baseline by its name, or without one the agent, which is restored
    from the newest checkpoint. Raises a UsageError for an unknown policy, or if there is no
    checkpoint of the agent.
    """
    policies = training.policies(training.simulator)
    chosen = _by_name(training.simulator, policies, name or training.agent.name)
    if chosen.policy is not training.policy:
        return chosen
    if not folder.restore_latest(training.agent_checkpoint, whole=False):
        raise UsageError(f"root_dir {folder.path} has no checkpoint, so its agent has no sessions")
    return chosen._replace(iteration=training.iteration)


def of_simulation(simulation: Simulation, name: str | None) -> Chosen:
    """A policy of a simulation by its name, or without one the first. Raises a ValueError for an
    unknown policy, or one that is not for this environment.
    """
    policies = simulation.policies_for(simulation.simulator)
    return _by_name(simulation.simulator, policies, name or next(iter(policies)))


def _by_name(simulator: Simulator, policies: Mapping[str, AnyPolicy], name: str) -> Chosen:
    if name in policies:
        return Chosen(simulator, name, policies[name])
    if name not in BASELINES:
        raise UsageError(
            f"--policy must be one of {', '.join([*policies, *BASELINES])}, got {name!r}"
        )
    return Chosen(simulator, BASELINES[name].title, baseline_policy(name, simulator))


def run_sessions(
    folder: RunDirectory, chosen: Chosen, evaluation: Evaluation, request: Request
) -> Path:
    """Prints sessions of an evaluation turn by turn, and writes a page and a table of them.

    The users and their draws are the same as in `recsim-tf evaluate` with the same seed. The
    page, sessions.html, and the table, sessions.parquet or sessions.csv, go into a new folder
    sessions/<policy>-<iteration>, or with a number behind where that exists.

    Values and seeds that the evaluation compares play no part. The request must be checked.

    Returns:
      The new folder.

    Raises:
      FileExistsError: if the output that was asked for has come into being meanwhile.
    """
    path = _path(folder, chosen, request)
    users = request.users(evaluation)
    seed = evaluation.seed if request.seed is None else request.seed
    recording = _record(chosen, evaluation, users, seed)
    sessions = sessions_in_words(
        recording, wording_of(chosen.simulator.users), max(_PAGE_TURNS, request.max_turns)
    )
    title = f"Sessions under {chosen.name}"
    about = f"{_about(chosen, evaluation, users, seed)}, run {folder.path}"
    table = session_table(recording, chosen.simulator)
    files = {file_of_table(): table, "sessions.html": sessions_page(title, about, sessions)}
    path = write_folder(path, files, numbered=request.output is None)
    print(sessions_text(f"{title}: {about}", sessions, request.max_turns))
    print(f"\nThese sessions are on the page {path / 'sessions.html'}, and beside it as a table.")
    return path


def _path(folder: RunDirectory, chosen: Chosen, request: Request) -> Path:
    """The new folder, still without a number, in a folder that is made and can be written."""
    if request.output is not None:
        path = Path(request.output).absolute()
        require_writable(path.parent)
        return path
    name = re.sub(r"\W+", "_", chosen.name).strip("_").lower() or "policy"
    if chosen.iteration is not None:
        name = f"{name}-{chosen.iteration}"
    require_writable(folder.path / "sessions")
    return folder.path / "sessions" / name


def _record(chosen: Chosen, evaluation: Evaluation, users: Sequence[int], seed: int) -> Recording:
    """The sessions that these users have in the evaluation."""
    division = evaluation.division_for(chosen.simulator)
    share = division.share(evaluation.num_users)
    part = users[0] // share
    recording = record(
        chosen.simulator,
        chosen.policy,
        [user - part * share for user in users],
        share,
        evaluation.max_steps,
        division.seeds(random.as_seed(seed))[part],
    )
    return recording._replace(users=np.array(users))


def _about(chosen: Chosen, evaluation: Evaluation, users: Sequence[int], seed: int) -> str:
    """The line that says which sessions these are."""
    first, *further = users
    simulator = chosen.simulator
    about = (
        f"{f'users {first} to {further[-1]}' if further else f'user {first}'} of"
        f" {evaluation.num_users:,}, {type(simulator.users).__name__}, slates of"
        f" {simulator.slate_size} of {simulator.num_candidates:,} candidates, seed {seed}"
    )
    return about if chosen.iteration is None else f"{about}, iteration {chosen.iteration:,}"
