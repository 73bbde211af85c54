# SPDX-License-Identifier: Apache-2.0
import shutil

import pytest

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support.errors import UsageError
from recsim_tf.training import Training
from tests.alike import assert_close
from tests.experiment.tiny_runs import snapshot, succeed

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

NO_CLICK_MASS = "users.choice_model.no_click_mass"


@pytest.fixture(name="run")
def _run(evaluated_run):
    return evaluated_run


def _restored(run, *bindings):
    """The run's folder and parts, from its configuration with other bindings."""
    folder = RunDirectory(run)
    config.load([str(folder.config_file)], bindings)
    parts = Training()
    assert folder.restore_latest(parts.checkpoint)
    return folder, parts


def _compared(run, *bindings):
    folder = RunDirectory(run)
    config.load([str(folder.config_file)], ["experiment.baselines = ('random',)", *bindings])
    return building.evaluate(folder)


def test_the_newest_checkpoint_has_the_sessions_of_the_end_of_its_training(
    finished, tmp_path, capfd
):
    run = shutil.copytree(finished[0], tmp_path / "run")
    output = succeed(capfd, "evaluate", f"--root_dir={run}")
    assert [line.split()[0] for line in output.splitlines()[2:5]] == ["Random", "Oracle", "SlateQ"]
    sessions = (run / "evaluations" / "sessions-40.csv").read_bytes()
    assert sessions == (run / "sessions.csv").read_bytes()


def test_a_run_meets_each_value_and_seed_as_in_an_evaluation_of_its_own(run):
    results = {result.name: result for result in _compared(run, "Evaluation.seeds = (4, 1)")}
    settings = [f"no_click_mass={mass}, seed={seed}" for mass in (0.5, 3.0) for seed in (4, 1)]
    assert list(results) == [
        f"{policy} [{setting}]" for policy in ("Random", "SlateQ") for setting in settings
    ]
    _, parts = _restored(run)
    simulator = parts.simulator.with_parameters({NO_CLICK_MASS: 3.0})
    policies = {name: parts.policies(simulator)[name] for name in ("Random", "SlateQ")}
    for expected in Evaluation().evaluate(simulator, policies):
        found = results[f"{expected.name} [no_click_mass=3.0, seed=1]"]
        assert_close(found.sessions, expected.sessions, rtol=1e-5)
    assert len({result["return"].value for result in results.values()}) > 6


def test_the_command_prints_a_row_for_each_value(run, capfd):
    before = snapshot(run)
    output = succeed(
        capfd,
        "evaluate",
        f"--root_dir={run}",
        '--gin_bindings=experiment.baselines = ("myopic",)',
    )
    rows = [line.split("]")[0] for line in output.splitlines()[2:6]]
    assert rows == [
        f"{policy} [no_click_mass={mass}" for policy in ("Myopic", "SlateQ") for mass in (0.5, 3.0)
    ]
    # The sessions of an evaluation of the run's own environment are left alone.
    assert {
        name.split("/")[1].startswith("comparison-40")
        for name in snapshot(run).keys() - before.keys()
    } == {True}


def test_parameters_of_the_agent_are_refused_and_nothing_is_written(run):
    before = snapshot(run)
    with pytest.raises(
        UsageError,
        match=r"Simulator has no parameter Learning\.average_tau",
    ):
        _compared(run, 'Evaluation.compare = {"Learning.average_tau": (0.1, 0.2)}')
    assert snapshot(run) == before
