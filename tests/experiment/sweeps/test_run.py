"""Sweeps from their file to their tables: trials in processes of their own, killed and run again,
and by Ray.
"""

import gc
import json
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from recsim_tf import checkpoints
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.runs.locks import locked
from recsim_tf.experiment.sweeps.folder import Shard
from recsim_tf.experiment.sweeps.run import run_sweep
from tests.experiment.sweeps.sweeps import rows_without_times
from tests.experiment.tiny_runs import TINY, run_command, snapshot, start_command, terminated_when

# Matplotlib and Ray warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_SHORT = '{"train.num_iterations": 20}'
_LONG = "{}"
_BAD = '{"interest_evolution.slate_size": 9}'


def _sweep_file(folder: Path, *variants: str, more: str = "") -> str:
    """Short, long and failing trials, whose bindings are the same in every sweep."""
    file = folder / "sweep.gin"
    file.write_text(
        f"sweep.gin_files = ({TINY!r},)\nsweep.trials = @listed()\nlisted.trials ="
        f" ({', '.join(variants)},)\n{more}"
    )
    return str(file)


def _bindings(num_iterations: int) -> list[str]:
    return [
        "sweep.num_processes = 2",
        (
            f"sweep.gin_bindings = ('train.num_iterations = {num_iterations}', 'train.log_interval"
            " = 20', 'experiment.baselines = ()')"
        ),
    ]


def _wait_until(condition, process=None) -> None:
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def _by_trial(root: Path) -> dict[str, dict]:
    return {row["trial"]: row for row in rows_without_times(root)}


def _is_free(run: Path) -> bool:
    try:
        with locked(run, ".lock"):
            return True
    except UsageError:
        return False


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A sweep that SIGKILL ended when its short trial was finished and its long one was running:
    its folder, file and iterations so far.
    """
    folder = tmp_path_factory.mktemp("killed")
    root, file = folder / "sweep", _sweep_file(folder, _SHORT, _LONG)
    bindings = [f"--gin_bindings={binding}" for binding in _bindings(1_000_000)]
    process = start_command("sweep", f"--root_dir={root}", f"--sweep_file={file}", *bindings)
    short, long = (
        root / "trials" / "num_iterations=20" / "seed-0",
        root / "trials" / "base" / "seed-0",
    )
    _wait_until(
        lambda: (short / "results.json").exists() and checkpoints.numbers(long / "checkpoints"),
        process,
    )
    _wait_until(lambda: _is_free(short), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _wait_until(lambda: _is_free(long))
    return root, file, RunDirectory(long).metrics()[-1]["iteration"]


@pytest.fixture(scope="module")
def resumed(killed):
    """The same sweep with a trial more, run to its end in two shards: its folder, its iterations,
    and what was there of the finished trial before.
    """
    root, file, done = killed
    before = snapshot(root / "trials" / "num_iterations=20" / "seed-0")
    file = _sweep_file(root.parent, _SHORT, _LONG, _BAD)
    for shard in (Shard(0, 2), Shard(1, 2)):
        run_sweep(str(root), file, _bindings(done + 20), shard=shard)
    return root, done + 20, before


@pytest.mark.slow
def test_a_killed_sweep_goes_on_with_what_is_not_finished(resumed):
    root, num_iterations, before = resumed
    assert snapshot(root / "trials" / "num_iterations=20" / "seed-0") == before
    log = (root / "trials" / "base" / "seed-0.log").read_text()
    assert f"Going on from iteration {num_iterations - 20:,} of {num_iterations:,}" in log
    assert (
        json.loads((root / "trials" / "base" / "seed-0" / "results.json").read_text())["train"][
            "iterations"
        ]
        == num_iterations
    )


@pytest.mark.slow
def test_a_failed_trial_is_told_and_the_others_go_on(resumed, capfd):
    root, num_iterations, _ = resumed
    rows = _by_trial(root)
    assert {name: row["status"] for name, row in rows.items()} == {
        "num_iterations=20/seed-0": "finished",
        "base/seed-0": "finished",
        "slate_size=9/seed-0": "failed",
    }
    error = "slate_size must be in [1, num_candidates=5], got 9"
    assert rows["slate_size=9/seed-0"]["error"] == error
    assert f"- `slate_size=9/seed-0`: {error}" in (root / "summary.md").read_text()
    # The shard without it has nothing to run, and the command still tells the failure.
    bindings = [f"--gin_bindings={binding}" for binding in _bindings(num_iterations)]
    options = [f"--root_dir={root}", f"--sweep_file={root.parent / 'sweep.gin'}", "--shard=1/2"]
    code, output, errors = run_command(capfd, "sweep", *options, *bindings)
    assert code == 1, errors
    assert f"Failed: slate_size=9/seed-0: {error}" in output
    assert "3 trials: 2 finished, 1 failed. Results in" in output


@pytest.mark.slow
def test_ray_gives_the_same_table_and_its_scheduler_stops_a_trial_for_good(
    resumed, tmp_path, capsys
):
    resumed_root, num_iterations, _ = resumed
    root = tmp_path / "sweep"
    scheduler = 'RayEngine.scheduler = @ASHAScheduler()\nASHAScheduler.time_attr = "iteration"\n'
    # It judges once, where the other trials end.
    scheduler += "ASHAScheduler.max_t = 20\nASHAScheduler.grace_period = 20\n"
    endless = '{"Exploration.epsilon": 0.3, "train.num_iterations": 100_000_000}'
    file = _sweep_file(tmp_path, _SHORT, _BAD, endless, more=scheduler)
    run_sweep(str(root), file, _bindings(num_iterations), engine="ray")
    rows, expected = _by_trial(root), _by_trial(resumed_root)
    stopped = rows.pop("epsilon=0.3,num_iterations=100000000/seed-0")
    assert set(rows) == {"num_iterations=20/seed-0", "slate_size=9/seed-0"}
    for name, row in rows.items():
        # They agree in all that both have: the sweeps have other bindings.
        assert row | expected[name] == expected[name] | row
    assert (stopped["status"], stopped["error"]) == ("stopped", "")
    assert 20 <= stopped["iterations"] < 100_000_000
    assert not (root / "ray").exists()
    before = snapshot(root / "trials" / "epsilon=0.3,num_iterations=100000000")
    capsys.readouterr()
    ours = _sweep_file(tmp_path, _SHORT, _BAD, endless)
    run_sweep(str(root), ours, _bindings(num_iterations), shard=Shard(2, 3))
    assert snapshot(root / "trials" / "epsilon=0.3,num_iterations=100000000") == before
    assert (
        "3 trials: 1 finished, 1 stopped early by the scheduler, 1 failed"
        in capsys.readouterr().out
    )
    # Ray leaves files open, which must not be a warning of a later test.
    gc.collect()


@pytest.mark.slow
def test_sigterm_stops_the_trials_with_checkpoints(tmp_path, capfd):
    file, root = _sweep_file(tmp_path, _LONG), tmp_path / "sweep"
    bindings = [f"--gin_bindings={binding}" for binding in _bindings(1_000_000)]
    run = root / "trials" / "base" / "seed-0"
    with terminated_when(lambda: checkpoints.numbers(run / "checkpoints")):
        code, _, errors = run_command(
            capfd, "sweep", f"--root_dir={root}", f"--sweep_file={file}", *bindings
        )
    assert code == 128 + signal.SIGTERM
    assert (
        "stopped with 0 of 1 trials done, the others keep their checkpoints; run the same command"
        " to go on" in errors.splitlines()[-1]
    )
    assert _is_free(run)
    assert "stopped at iteration" in (root / "trials" / "base" / "seed-0.log").read_text()
    assert not (root / "trials" / "base" / "seed-0.outcome.json").exists()


def test_a_dry_run_lists_the_trials_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    sweep = [
        "sweep",
        "--root_dir=sweep",
        "--sweep_file=sweeps/quickstart.gin",
        "--gin_bindings=sweep.seeds = (7,)",
    ]
    code, output, errors = run_command(capfd, *sweep, "--dry_run")
    assert code == 0, errors
    head, _, first, second, total = output.splitlines()
    assert head.split() == ["status", "trial", "iterations"]
    assert (first.split()[:2], second.split()[:2]) == (
        ["pending", "clock=rewards/seed-7"],
        ["pending", "clock=steps/seed-7"],
    )
    assert total.startswith("2 trials, 600 iterations")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("binding", "options", "message"),
    [
        ("sweep.seeds = ()", {}, r"sweep.seeds must be a non-empty tuple of integers, got \(\)"),
        ("sweep.seeds = (1, 1)", {}, r"sweep.seeds must be distinct, got \(1, 1\)"),
        (
            "sweep.gin_files = 'tiny.gin'",
            {},
            "sweep.gin_files must be a tuple of strings, got 'tiny.gin'",
        ),
        (
            "sweep.num_processes = 0",
            {},
            "sweep.num_processes must be an integer of at least 1, got 0",
        ),
        (
            "grid.nothing = 0",
            {},
            "binding 'grid.nothing = 0': grid has no parameter nothing; it has choices",
        ),
        (
            "listed.trials = ({'train.nothing': 1},)",
            {},
            "trial nothing=1: binding 'train.nothing = 1': train has no parameter nothing; it has",
        ),
        ("", {"engine": "cloud"}, "--engine must be one of local, ray, got 'cloud'"),
        ("", {"ray_address": "localhost:1"}, "--ray_address is an option of --engine=ray"),
        (
            "",
            {"engine": "ray", "ray_address": "localhost"},
            "--ray_address must be HOST:PORT, got 'localhost'",
        ),
        ("", {"shard": Shard(1, 2)}, "--shard must have a trial, got 1/2 for 1 trials"),
        (
            "RayEngine.cpus_per_trial = 0",
            {"engine": "ray"},
            "RayEngine.cpus_per_trial must be positive, got 0",
        ),
        (
            "RayEngine.scheduler = 'asha'",
            {"engine": "ray"},
            "RayEngine.scheduler must be a scheduler of Ray Tune",
        ),
    ],
)
def test_bad_input_is_named_before_anything_starts(tmp_path, binding, options, message):
    file, root = _sweep_file(tmp_path, _LONG), tmp_path / "sweep"
    with pytest.raises(UsageError, match=message):
        run_sweep(str(root), file, [binding], **options)
    assert not root.exists()


def test_a_ray_cluster_that_does_not_answer_is_told_at_once(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # Nothing listens there.
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(
            UsageError, match=rf"--ray_address {address} does not answer: .*refused"
        ):
            run_sweep(
                str(tmp_path / "sweep"),
                _sweep_file(tmp_path, _LONG),
                engine="ray",
                ray_address=address,
            )


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    with pytest.raises(UsageError, match=r"--engine=ray needs Ray Tune: install recsim-tf\[ray\]"):
        run_sweep(str(tmp_path / "sweep"), _sweep_file(tmp_path, _LONG), engine="ray")
