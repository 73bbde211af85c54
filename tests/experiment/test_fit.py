"""`recsim-tf fit`, in processes of its own as a user runs it."""

import json
import re

import numpy as np
import pytest

from recsim_tf.fitting import load_model
from tests.experiment.runs import run_command, start_command

CONFIG = """
run_fit.log = @simulated_log()
run_fit.held_out = 0.2
run_fit.truth = {"users.no_click_mass": 1.0}
run_fit.num_replicates = 20
simulated_log.simulator = @truth/interest_evolution()
simulated_log.num_sessions = 60
simulated_log.num_steps = 6
InterestEvolutionUsers.min_normalizer = -1.25
InterestEvolutionUsers.time_budget = 10.0
truth/interest_evolution.users = @InterestEvolutionUsers()
interest_evolution.users = @InterestEvolutionUsers()
run_fit.simulator = @interest_evolution()
run_fit.parameters = {"users.no_click_mass": @Parameter()}
Parameter.start = 1.5
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "fit.gin"
    path.write_text(CONFIG)
    return path


def test_a_fit_leaves_results_a_report_and_a_model_that_simulates(tmp_path, config):
    run = tmp_path / "run"
    options = ("run_fit.posterior = True", "sample_parameters.num_samples = 50", "sample_parameters.num_burnin_steps = 20")
    bindings = [f"--gin_bindings={option}" for option in (*options, "sample_parameters.jit_compile = False")]
    code, output, errors = run_command("fit", f"--root_dir={run}", f"--gin_file={config}", *bindings)
    assert code == 0, errors
    content = json.loads((run / "results.json").read_text())
    estimate = content["estimates"]["users.no_click_mass"]
    assert abs(estimate["value"] - 1.0) < 4 * estimate["standard_error"]
    assert re.search(rf"users.no_click_mass +{estimate['value']:.5g}", output)
    assert (content["sessions"], content["held_out_sessions"]) == (48, 12)
    assert content["checks"]["recovery"]
    assert "Recovery of known parameters" in (run / "report.html").read_text()
    assert "users.no_click_mass" in (run / "model" / "MODEL_CARD.md").read_text()
    loaded = load_model(run / "model")
    assert loaded.simulator.users.no_click_mass == pytest.approx(estimate["value"])
    assert loaded.simulator.users.time_budget == 10.0

    assert content["posterior"]["users.no_click_mass"]["sd"] == pytest.approx(estimate["standard_error"], rel=0.5)
    assert np.load(run / "posterior.npz")["users.no_click_mass"].shape == (2, 50)

    code, output, errors = run_command("fit", f"--root_dir={run}", f"--gin_file={config}", *bindings)
    assert code == 0, errors
    assert "had ended already" in output


def test_a_fit_that_was_interrupted_goes_on(tmp_path, config):
    bindings = [
        f"--gin_bindings={binding}"
        for binding in (
            "fit.method = 'adam'",
            "fit.max_steps = 150",
            "fit.batch_size = 10",
            "fit.checkpoint_interval = 1",
            "fit.patience = 150",
        )
    ]
    run = tmp_path / "run"
    process = start_command("fit", f"--root_dir={run}", f"--gin_file={config}", *bindings)
    checkpoint = run / "checkpoints" / "start_0" / "checkpoint"
    while not checkpoint.is_file():
        assert process.poll() is None, process.communicate()
    process.send_signal(2)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "fit was interrupted; run the same command again" in errors
    code, _, errors = run_command("fit", f"--root_dir={run}", f"--gin_file={config}", *bindings)
    assert code == 0, errors
    begun = re.search(r"(\d+)/150", errors)
    assert begun, errors
    assert int(begun[1]) > 0, "the bar begins where the fit was stopped"


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["run_fit.log = 3"], "run_fit.log must be a SessionLog, a SessionStream or have one as its log, got int"),
        (["run_fit.parameters = {'users.mass': @Parameter()}"], "InterestEvolutionUsers has no parameter 'mass'"),
        (
            ["run_fit.log = @episode_log()", "episode_log.path = 'nowhere'", "episode_log.simulator = @interest_evolution()"],
            "no episode log",
        ),
    ],
)
def test_bad_input_is_one_line(tmp_path, config, bindings, message):
    arguments = [f"--gin_bindings={binding}" for binding in bindings]
    code, _, errors = run_command("fit", f"--root_dir={tmp_path / 'run'}", f"--gin_file={config}", *arguments)
    assert code == 2
    (line,) = [line for line in errors.splitlines() if line.startswith("recsim-tf: error: ")]
    assert message in line
    assert "Traceback" not in errors
