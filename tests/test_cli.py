import json
import re

import pytest

import recsim_tf
from recsim_tf.adapters import episodes
from tests.experiment.tiny_runs import TINY, run_command, run_commands

_BAD_INPUT: list[tuple[list[str], str]] = [
    (["train", f"--gin_file={TINY}"], "--root_dir must name the folder"),
    (["train", "--root_dir=run"], "--gin_file must name a config, such as one of .*quickstart.gin"),
    (
        ["train", "--root_dir=run", "--gin_file=nowhere.gin"],
        "gin_file 'nowhere.gin' is neither a file nor one of the packaged",
    ),
    (
        ["train", "--root_dir=run", f"--gin_file={TINY}", "--gin_bindings=nothing.x = 1"],
        "gin configuration: .*nothing",
    ),
    (
        [
            "train",
            "--root_dir=run",
            f"--gin_file={TINY}",
            "--gin_bindings=interest_evolution.slate_size = 9",
        ],
        r"slate_size must be in \[1, num_candidates=5\], got 9",
    ),
    (["evaluate", "--root_dir=run"], "must be the folder of a run"),
    (
        ["evaluate", "--root_dir=run", "--episode_log=log"],
        "--episode_log is an option of simulate, not of evaluate",
    ),
    (
        ["train", "--root_dir=run", f"--gin_file={TINY}", "--watch"],
        "--watch is an option of evaluate without --explain, got train",
    ),
    (
        ["train", "--root_dir=run", f"--gin_file={TINY}", "--dry_run"],
        "--dry_run is an option of sweep, not of train",
    ),
    (
        ["sweep", "--root_dir=run"],
        "--sweep_file must name a sweep, such as one of sweeps/quickstart.gin",
    ),
    (
        ["sweep", "--root_dir=run", "--sweep_file=quick.gin"],
        "sweep_file 'quick.gin' is neither a file nor one of the packaged sweeps",
    ),
    (
        ["evaluate", "--root_dir=run", "--watch", "--explain"],
        "--watch is an option of evaluate .*got evaluate --explain",
    ),
    (
        [
            "simulate",
            "--root_dir=run",
            "--gin_bindings=simulate.simulator = @interest_evolution()",
            f"--episode_log={TINY}",
        ],
        "episode log .*tiny.gin exists, name a new file",
    ),
]


@pytest.fixture(scope="module")
def bad_input(tmp_path_factory):
    """What each command of `_BAD_INPUT`, and an unknown one, came to, in one folder."""
    return run_commands(
        *(arguments for arguments, _ in _BAD_INPUT),
        ["learn"],
        cwd=tmp_path_factory.mktemp("bad_input"),
    )


@pytest.mark.parametrize(
    "index",
    range(len(_BAD_INPUT)),
    ids=lambda index: " ".join(_BAD_INPUT[index][0][:1]) + f"-{index}",
)
def test_bad_input_is_one_line_and_leaves_no_trace(bad_input, index):
    code, output, errors, folder = bad_input[index]
    assert (code, output) == (2, "")
    assert len(errors.strip().splitlines()) == 1, errors
    assert errors.startswith("recsim-tf: error: ")
    assert re.search(_BAD_INPUT[index][1], errors), errors
    assert folder == []


def test_a_command_with_bad_input_ends_with_status_2(tmp_path):
    code, output, errors = run_command("evaluate", "--root_dir=run", cwd=tmp_path)
    assert (code, output) == (2, "")
    assert errors.startswith("recsim-tf: error: root_dir run must be the folder of a run")


def test_an_unknown_command_prints_the_usage(bad_input):
    code, _, errors, _ = bad_input[-1]
    assert code == 2
    assert errors.startswith("usage: recsim-tf COMMAND")


def test_train_evaluate_explain_and_simulate(tmp_path):
    run = tmp_path / "run"
    simulated = tmp_path / "simulated"
    bindings = [
        "--gin_bindings=simulate.simulator = @interest_evolution()",
        "--gin_bindings=Evaluation.num_users = 64",
    ]
    trained, evaluated, simulation = run_commands(
        [
            "train",
            f"--root_dir={run}",
            f"--gin_file={TINY}",
            "--gin_bindings=train.num_iterations = 20",
        ],
        ["evaluate", f"--root_dir={run}", "--explain"],
        ["simulate", f"--root_dir={simulated}", *bindings],
        cwd=tmp_path,
    )
    code, output, errors, _ = trained
    assert code == 0, errors
    table = output[output.index("policy ") :]
    assert [line.split()[0] for line in table.splitlines()[2:5]] == ["Random", "Oracle", "SlateQ"]

    code, output, errors, _ = evaluated
    assert code == 0, errors
    assert output.startswith(table[: table.index("Trained")])
    assert output.count("The user clicked") == 3
    assert (run / "evaluations" / "sessions-20.csv").read_bytes() == (
        run / "sessions.csv"
    ).read_bytes()
    assert "P(no click)" in output

    code, _, errors, _ = simulation
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
    arguments = [
        f"--root_dir={run}",
        f"--episode_log={log}",
        *(f"--gin_bindings={binding}" for binding in bindings),
    ]
    code, output, errors = run_command("simulate", *arguments)
    assert code == 0, errors
    assert "random" in output
    assert json.loads((run / "results.json").read_text())["policies"][0]["episodes"] == 8
    trajectory = episodes.read(log, recsim_tf.interest_evolution()).trajectory()
    assert trajectory.transitions.reward.shape == [3, 8]
    assert trajectory.transitions.active.numpy().all()
    assert list(log.parent.iterdir()) == [log]


def test_an_agent_without_item_values_cannot_be_explained(tmp_path):
    bindings = [
        "--gin_bindings=experiment.create_agent = @create_full_slate_q",
        "--gin_bindings=train.num_iterations = 10",
    ]
    trained, evaluated = run_commands(
        ["train", "--root_dir=run", f"--gin_file={TINY}", *bindings],
        ["evaluate", "--root_dir=run", "--explain"],
        cwd=tmp_path,
    )
    assert trained[0] == 0, trained
    code, output, errors, _ = evaluated
    assert (code, output) == (2, "")
    assert (
        "--explain needs an agent that values items, as SlateQ, without layers, got FullSlateQ"
        in errors
    )
