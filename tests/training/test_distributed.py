# SPDX-License-Identifier: Apache-2.0
"""Training on several replicas: two devices of one process, and two processes."""

import contextlib
import json
import re
import signal
import socket
import threading
import time

import pytest

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from recsim_tf.training import Training, devices
from recsim_tf.training.devices import connect, wait_for_workers
from tests.experiment.tiny_runs import TINY, open_run, start_command, without_times
from tests.processes import free_addresses, run_python, tf_config
from tests.refusals import assert_refused


@pytest.mark.long
def test_two_devices_take_the_gradient_step_of_one_and_refuse_what_they_cannot_have():
    agents = ("slate_q", "reinforce", "full_slate_q")
    module = "tests.training.replica_gradients"
    # Logical devices must be made before TensorFlow is used.
    process = run_python("-m", module, *agents, TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    assert tuple(found["agents"]) == agents
    for agent, values in found["agents"].items():
        assert values["gradient"] > 1e-3, agent
        assert values["difference"] < 1e-5, agent
        assert values["loss_difference"] < 1e-5, agent
    # Had the replicas equally many transitions, a mean of means would do.
    assert any(values["ends"][0] != values["ends"][1] for values in found["agents"].values())
    assert found["refused"] == [
        "experiment.num_users must be a multiple of the number of replicas, 2, got 15",
        "Iteration.batch_size must be a multiple of the number of replicas, 2, got 15",
        "Iteration.jit_compile must be False with 2 replicas",
        "TabularQ learns on one replica only, got a strategy of 2",
    ]


def _iteration(run) -> int:
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["iteration"]
    return 0


@pytest.mark.long
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
    found, expected = (RunDirectory(run).metrics() for run in (several, mirrored))
    assert without_times(found) == without_times(expected)
    results = json.loads((several / "results.json").read_text())
    assert results["policies"] == json.loads((mirrored / "results.json").read_text())["policies"]
    # An evaluation needs none of the devices.
    run = open_run(several, strategy, alone, f"train.num_iterations={saved + 20}")
    parts = Training()
    assert run.restore_latest(parts.agent_checkpoint, whole=False)
    assert (
        Evaluation().evaluator("SlateQ", parts.simulator, parts.policy)().as_json()
        == results["policies"][-1]
    )


def test_workers_wait_until_all_are_there():
    addresses = free_addresses(3)
    found = []

    def wait(index):
        wait_for_workers(addresses, index, timeout=60.0)
        found.append(index)

    threads = [threading.Thread(target=wait, args=[index]) for index in range(3)]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.5)
    assert found == []
    threads[2].start()
    with contextlib.ExitStack() as servers:
        while any(thread.is_alive() for thread in threads):
            # Where a worker has gone on, TensorFlow's server listens.
            for index in list(found):
                port = int(addresses[index].rpartition(":")[2])
                with contextlib.suppress(OSError):
                    servers.enter_context(socket.create_server(("", port)))
            threads[0].join(0.05)
    assert sorted(found) == [0, 1, 2]


def test_a_worker_that_does_not_come_and_a_port_that_is_taken_are_named(capsys, monkeypatch):
    monkeypatch.setattr(devices, "_SECONDS_TO_MESSAGE", 0.0)
    addresses = free_addresses(2)
    with pytest.raises(UsageError, match=rf"^worker 1 \({addresses[1]}\) did not answer within"):
        wait_for_workers(addresses, 0, timeout=0.3)
    assert f"waiting for worker 1 ({addresses[1]})" in capsys.readouterr().err
    port = int(addresses[0].rpartition(":")[2])
    with (
        socket.create_server(("", port)),
        pytest.raises(UsageError, match=f"worker 0 must have a free port, got {addresses[0]}"),
    ):
        wait_for_workers(addresses, 0, timeout=0.3)


@pytest.mark.parametrize(
    ("binding", "given", "message"),
    [
        ("logical_cpus = 2", "", "devices.logical_cpus goes with devices.strategy = 'mirrored'"),
        ("strategy = 'multi_worker'", "", "TF_CONFIG must list a different address of each"),
        ("strategy = 'multi_worker'", ("a:1", "a:1", 0), "TF_CONFIG must list a different"),
    ],
)
def test_devices_that_cannot_be_are_refused(binding, given, message, monkeypatch):
    if given:
        *addresses, index = given
        given = tf_config(addresses, index)["TF_CONFIG"]
    monkeypatch.setenv("TF_CONFIG", given)
    config.load([TINY], [f"devices.{binding}"])
    assert_refused(connect, re.escape(message))
