"""What several files of tests train, once for each process of the tests."""

import pytest

from recsim_tf.experiment import commands
from tests.experiment.tiny_runs import open_run


@pytest.fixture(scope="session")
def evaluated_run(tmp_path_factory):
    """The folder of a trained run whose configuration has values to compare. Tests add to it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    bindings = (
        "Evaluation.num_users = 6",
        "Evaluation.max_steps = 20",
        "train.num_iterations = 10",
        'Evaluation.compare = {"users.choice_model.no_click_mass": (0.5, 3.0)}',
    )
    commands.train(open_run(folder, *bindings))
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of 40 iterations with checkpoints at 20 and 40: its folder, which stays as it
    is, and what `train` returned.
    """
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, commands.train(open_run(folder))
