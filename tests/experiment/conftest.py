# SPDX-License-Identifier: Apache-2.0
"""What several files of tests train, once for each process of the tests."""

import shutil

import pytest

from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from tests.experiment.tiny_runs import open_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of 40 iterations with checkpoints at 20 and 40: its folder, which stays as it
    is, and what `train` returned.
    """
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, building.train(open_run(folder))


@pytest.fixture(scope="session")
def evaluated_run(finished, tmp_path_factory):
    """A copy of `finished` with sessions of 6 users, and with values to compare in its
    configuration. Tests add to it.
    """
    folder = tmp_path_factory.mktemp("run") / "run"
    shutil.copytree(finished[0], folder)
    with open(folder / "config.gin", "a") as file:
        file.write("\nEvaluation.num_users = 6\nEvaluation.max_steps = 20\n")
    config.load([str(folder / "config.gin")], [])
    building.evaluate(RunDirectory(folder))
    (folder / "evaluations" / "sessions-40.csv").rename(folder / "sessions.csv")
    with open(folder / "config.gin", "a") as file:
        file.write('Evaluation.compare = {"users.choice_model.no_click_mass": (0.5, 3.0)}\n')
    return folder
