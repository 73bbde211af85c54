"""Training on several replicas: two devices of one process, and two processes."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.processes import free_addresses, tf_config
from recsim_tf import checkpoints
from recsim_tf.experiment import config
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.training.devices import connect
from recsim_tf.experiment.training.parts import experiment
from tests.experiment.tiny_runs import TINY, open_run, start_command

_ROOT = pathlib.Path(__file__).parents[2]


def _gradients(strategy: str, *agents: str, environment=None) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.experiment.training.replica_gradients", strategy, *agents],
        cwd=_ROOT,
        env={
            **os.environ,
            "TF_USE_LEGACY_KERAS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            **(environment or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _check(process: subprocess.Popen) -> dict:
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    found = json.loads(output)
    figures = found["agents"]
    for agent, values in figures.items():
        assert values["gradient"] > 1e-3, agent
        assert values["difference"] < 1e-5, agent
        assert values["loss_difference"] < 1e-5, agent
    # Had the replicas equally many transitions, a mean of means would do.
    assert any(ends[0] != ends[1] for ends in (values["ends"] for values in figures.values()))
    return found


@pytest.mark.slow
def test_two_devices_take_the_gradient_step_of_one_and_refuse_what_they_cannot_have():
    agents = ("slate_q", "reinforce", "full_slate_q")
    found = _check(_gradients("mirrored", *agents))
    assert tuple(found["agents"]) == agents
    assert found["refused"] == [
        "experiment.num_users must be a multiple of the number of replicas, 2, got 15",
        "experiment.batch_size must be a multiple of the number of replicas, 2, got 15",
        "jit_compile must be False with 2 replicas",
        "TabularQ learns on one replica only, got a strategy of 2",
        (
            "gradient_clipping must be None with several replicas, of which DqnAgent clips each by"
            " itself"
        ),
    ]


@pytest.mark.slow
def test_two_processes_take_the_gradient_step_of_one():
    addresses = free_addresses(2)
    chief, other = (
        _gradients("multi_worker", "slate_q", environment=tf_config(addresses, index))
        for index in (0, 1)
    )
    _check(chief)
    _, errors = other.communicate()
    assert other.returncode == 0, errors


def _rows(run) -> list[dict]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {
            name: value
            for name, value in row.items()
            if name != "seconds" and "TimePerStep" not in name
        }
        for row in rows
    ]


def _iteration(run) -> int:
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["iteration"]
    return 0


@pytest.mark.slow
def test_a_lost_worker_is_named_and_all_go_on_as_if_nothing_had_been(tmp_path):
    several, mirrored = tmp_path / "workers", tmp_path / "mirrored"
    addresses, strategy = free_addresses(2), "devices.strategy='multi_worker'"
    alone = "experiment.baselines=()"

    def start(index, num_iterations):
        bindings = (
            f"--gin_bindings={strategy}",
            f"--gin_bindings={alone}",
            f"--gin_bindings=train.num_iterations={num_iterations}",
        )
        return start_command(
            "train",
            f"--root_dir={several}",
            f"--gin_file={TINY}",
            *bindings,
            environment=tf_config(addresses, index),
        )

    workers = [start(index, 100_000) for index in (0, 1)]
    while _iteration(several) < 30 and all(worker.poll() is None for worker in workers):
        time.sleep(0.05)
    workers[1].send_signal(signal.SIGKILL)
    workers[1].communicate()
    _, errors = workers[0].communicate()
    assert workers[0].returncode == 2
    assert errors.splitlines()[-1].startswith(
        f"recsim-tf: error: worker 1 ({addresses[1]}) stopped"
    ), errors
    saved = checkpoints.numbers(several / "checkpoints" / "worker-1-of-2")[-1]

    # Saved at once by both, or but by one of them.
    workers = [start(index, saved + 20) for index in (0, 1)]
    outputs = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    assert re.match(r"Going on from iteration \d+", outputs[0][0])
    assert outputs[1][0] == ""
    bindings = (
        "devices.strategy='mirrored'",
        "devices.logical_cpus=2",
        alone,
        f"train.num_iterations={saved + 20}",
    )
    # Logical devices must be made before TensorFlow is used.
    process = start_command(
        "train",
        f"--root_dir={mirrored}",
        f"--gin_file={TINY}",
        *(f"--gin_bindings={binding}" for binding in bindings),
    )
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert _rows(several) == _rows(mirrored)
    results = json.loads((several / "results.json").read_text())
    assert results["policies"] == json.loads((mirrored / "results.json").read_text())["policies"]
    # An evaluation needs none of the devices.
    run = open_run(several, strategy, alone, f"train.num_iterations={saved + 20}")
    parts = experiment()
    assert run.restore_latest(parts.agent_checkpoint, whole=False)
    assert (
        Evaluation().evaluator("SlateQ", parts.simulator, parts.policy)().as_json()
        == results["policies"][-1]
    )


@pytest.mark.parametrize(
    ("bindings", "given", "message"),
    [
        (
            ["devices.strategy='many'"],
            None,
            "devices.strategy must be one of default, mirrored, multi_worker, tpu, got 'many'",
        ),
        (
            ["devices.logical_cpus=2"],
            None,
            "devices.logical_cpus goes with devices.strategy = 'mirrored', got 'default'",
        ),
        (
            ["devices.strategy='multi_worker'"],
            None,
            "TF_CONFIG must be set for devices.strategy = 'multi_worker'",
        ),
        (["devices.strategy='multi_worker'"], "{", "TF_CONFIG must be like"),
        (
            ["devices.strategy='multi_worker'"],
            '{"cluster": {"worker": ["a:1"]}}',
            "KeyError: 'task'",
        ),
        (
            ["devices.strategy='multi_worker'"],
            ("a:1", "a:2", 2),
            "worker 2 is missing from cluster.worker, which lists 2: a:1, a:2",
        ),
        (
            ["devices.strategy='multi_worker'"],
            ("a:1", "b", 0),
            "the address of worker 1 must be HOST:PORT, got 'b'",
        ),
        (
            ["devices.strategy='multi_worker'"],
            ("a:1", "a:1", 0),
            "workers 0 and 1 have one address, a:1",
        ),
    ],
)
def test_a_cluster_that_cannot_be_is_told_in_one_line(bindings, given, message, monkeypatch):
    if isinstance(given, tuple):
        *workers, index = given
        given = tf_config(workers, index)["TF_CONFIG"]
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if given is not None:
        monkeypatch.setenv("TF_CONFIG", given)
    config.load([TINY], bindings)
    with pytest.raises(UsageError, match=re.escape(message)):
        connect()
