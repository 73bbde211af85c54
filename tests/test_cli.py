import json

import pytest

import recsim_tf
from recsim_tf.adapters import episodes
from tests.experiment.runs import TINY, run_command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", f"--gin_file={TINY}"], "--root_dir must name the folder"),
        (["train", "--root_dir=run"], "--gin_file must name a config, such as one of .*quickstart.gin"),
        (["train", "--root_dir=run", "--gin_file=nowhere.gin"], "gin_file 'nowhere.gin' is neither a file nor one of the packaged"),
        (["train", "--root_dir=run", f"--gin_file={TINY}", "--gin_bindings=nothing.x = 1"], "gin configuration: .*nothing"),
        (
            ["train", "--root_dir=run", f"--gin_file={TINY}", "--gin_bindings=interest_evolution.slate_size = 9"],
            r"slate_size must be in \[1, num_candidates=5\], got 9",
        ),
        (["evaluate", "--root_dir=run"], "must be the folder of a run"),
        (["evaluate", "--root_dir=run", "--episode_log=log"], "--episode_log is an option of simulate, not of evaluate"),
        (["train", "--root_dir=run", f"--gin_file={TINY}", "--watch"], "--watch is an option of evaluate without --explain, got train"),
        (["train", "--root_dir=run", f"--gin_file={TINY}", "--dry_run"], "--dry_run is an option of sweep, not of train"),
        (["sweep", "--root_dir=run"], "--sweep_file must name a sweep, such as one of sweeps/quickstart.gin"),
        (["sweep", "--root_dir=run", "--sweep_file=quick.gin"], "sweep_file 'quick.gin' is neither a file nor one of the packaged sweeps"),
        (["evaluate", "--root_dir=run", "--watch", "--explain"], "--watch is an option of evaluate .*got evaluate --explain"),
        (
            ["simulate", "--root_dir=run", "--gin_bindings=simulate.simulator = @interest_evolution()", f"--episode_log={TINY}"],
            "episode log .*tiny.gin exists, name a new file",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_trace(tmp_path, arguments, message):
    code, output, errors = run_command(*arguments, cwd=tmp_path)
    assert code == 2
    assert output == ""
    assert len(errors.strip().splitlines()) == 1, errors
    assert errors.startswith("recsim-tf: error: ")
    import re

    assert re.search(message, errors), errors
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command_prints_the_usage():
    code, _, errors = run_command("learn")
    assert code == 2
    assert errors.startswith("usage: recsim-tf COMMAND")


def test_train_evaluate_explain_and_simulate(tmp_path):
    run = tmp_path / "run"
    code, output, errors = run_command("train", f"--root_dir={run}", f"--gin_file={TINY}", "--gin_bindings=train.num_iterations = 20")
    assert code == 0, errors
    table = output[output.index("policy ") :]
    assert [line.split()[0] for line in table.splitlines()[2:5]] == ["Random", "Oracle", "SlateQ"]

    code, output, errors = run_command("evaluate", f"--root_dir={run}", "--explain")
    assert code == 0, errors
    assert output.startswith(table[: table.index("Trained")])
    assert output.count("The user clicked") == 3
    assert (run / "evaluations" / "sessions-20.csv").read_bytes() == (run / "sessions.csv").read_bytes()
    assert "P(no click)" in output

    simulated = tmp_path / "simulated"
    bindings = ["--gin_bindings=simulate.simulator = @interest_evolution()", "--gin_bindings=Evaluation.num_users = 64"]
    code, output, errors = run_command("simulate", f"--root_dir={simulated}", *bindings)
    assert code == 0, errors
    assert json.loads((simulated / "results.json").read_text())["policies"][0]["episodes"] == 64


def test_simulate_writes_an_episode_log(tmp_path):
    run, log = tmp_path / "run", tmp_path / "logs" / "episodes.tfrecord"
    bindings = [
        "simulate.simulator = @interest_evolution()",
        "simulate.log_steps = 3",
        "Evaluation.num_users = 8",
        "Evaluation.max_steps = 5",
    ]
    arguments = [f"--root_dir={run}", f"--episode_log={log}", *(f"--gin_bindings={binding}" for binding in bindings)]
    code, output, errors = run_command("simulate", *arguments)
    assert code == 0, errors
    assert "random" in output
    assert json.loads((run / "results.json").read_text())["policies"][0]["episodes"] == 8
    trajectory = episodes.read(log, recsim_tf.interest_evolution()).trajectory()
    assert trajectory.transitions.reward.shape == [3, 8]
    assert trajectory.transitions.active.numpy().all()
    assert list(log.parent.iterdir()) == [log]


def test_an_agent_without_item_values_cannot_be_explained(tmp_path):
    bindings = ["--gin_bindings=experiment.create_agent = @create_full_slate_q", "--gin_bindings=train.num_iterations = 10"]
    code, _, errors = run_command("train", f"--root_dir={tmp_path / 'run'}", f"--gin_file={TINY}", *bindings)
    assert code == 0, errors
    code, output, errors = run_command("evaluate", f"--root_dir={tmp_path / 'run'}", "--explain")
    assert (code, output) == (2, "")
    assert "--explain needs an agent that values items, as SlateQ, without layers, got FullSlateQ" in errors
