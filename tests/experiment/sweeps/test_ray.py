# SPDX-License-Identifier: Apache-2.0
"""Sweeps by Ray Tune, on a cluster of two nodes."""

import contextlib
import gc
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from recsim_tf.experiment.sweeps.run import run_sweep
from recsim_tf.support.errors import UsageError
from tests.experiment.sweeps.sweeps import rows_without_times, sweep_file
from tests.experiment.tiny_runs import snapshot
from tests.processes import free_addresses

# Ray and Matplotlib warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_BINDINGS = (
    "sweep.num_processes = 2",
    "sweep.threads_per_trial = 1",
    "sweep.gin_bindings = ('train.num_iterations = 20', 'train.log_interval = 10',"
    " 'experiment.baselines = ()')",
)
_EPSILON, _BAD = '{"Exploration.epsilon": 0.2}', '{"interest_evolution.slate_size": 9}'
_ENDLESS = '{"Exploration.epsilon": 0.3, "train.num_iterations": 100_000_000}'
# It judges once, where the other trials end.
_SCHEDULER = """
RayEngine.scheduler = @ASHAScheduler()
ASHAScheduler.time_attr = "iteration"
ASHAScheduler.max_t = 20
ASHAScheduler.grace_period = 20
"""


@pytest.fixture
def cluster(monkeypatch):
    """The address of a Ray cluster of two nodes with a CPU each."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    (address,) = (address.replace("localhost", "127.0.0.1") for address in free_addresses(1))
    ray = str(Path(sys.executable).with_name("ray"))
    options = [
        *("--num-cpus=1", "--node-ip-address=127.0.0.1", "--object-store-memory=100000000"),
        *("--disable-usage-stats", "--block"),
    ]
    port = address.rpartition(":")[2]
    with contextlib.ExitStack() as stack:
        # A path of Ray's sockets may have 107 bytes.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp"))
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
        for own in (head, [f"--address={address}"]):
            node = subprocess.Popen(
                [ray, "start", *own, *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.callback(node.wait)
            # It ends the processes of its node.
            stack.callback(node.send_signal, signal.SIGTERM)
            while not _answers(address):
                assert node.poll() is None
                time.sleep(0.1)
        yield address


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
        return True
    return False


@pytest.mark.slow
def test_a_cluster_gives_the_table_of_the_local_engine_and_its_scheduler_stops_a_trial_for_good(
    cluster, tmp_path, capsys
):
    local, root = tmp_path / "local", tmp_path / "ray"
    ours = sweep_file(tmp_path, _EPSILON, _BAD)
    run_sweep(str(local), ours, _BINDINGS)
    theirs = sweep_file(tmp_path, _EPSILON, _BAD, _ENDLESS, more=_SCHEDULER)
    run_sweep(str(root), theirs, _BINDINGS, engine="ray", ray_address=cluster)
    rows, expected = ({row["trial"]: row for row in rows_without_times(r)} for r in (root, local))
    stopped = rows.pop("epsilon=0.3,num_iterations=100000000/seed-0")
    assert {row["status"] for row in rows.values()} == {"finished", "failed"}
    assert rows.keys() == expected.keys()
    for name, row in rows.items():
        # One sweep has bindings that the other lacks.
        assert row | expected[name] == expected[name] | row
    assert (stopped["status"], stopped["error"]) == ("stopped", "")
    assert 20 <= stopped["iterations"] < 100_000_000
    assert not (root / "ray").exists()
    before = snapshot(root / "trials" / "epsilon=0.3,num_iterations=100000000")
    capsys.readouterr()
    run_sweep(str(root), sweep_file(tmp_path, _EPSILON, _BAD, _ENDLESS), _BINDINGS)
    assert snapshot(root / "trials" / "epsilon=0.3,num_iterations=100000000") == before
    assert (
        "3 trials: 1 finished, 1 stopped early by the scheduler, 1 failed"
        in capsys.readouterr().out
    )
    # Ray leaves files open, which must not be a warning of a later test.
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("of_environment", [False, True])
def test_without_a_running_cluster_a_line_says_how_to_start_one(
    tmp_path, monkeypatch, of_environment
):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # Nothing listens there.
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address if of_environment else "127.0.0.1:1")
        with pytest.raises(
            UsageError, match=rf"no running Ray cluster at {address} .*: start one with `ray start"
        ):
            run_sweep(
                str(tmp_path / "sweep"),
                sweep_file(tmp_path, _EPSILON),
                engine="ray",
                ray_address=None if of_environment else address,
            )
    assert not (tmp_path / "sweep").exists()


def test_settings_of_ray_are_checked_before_anything_starts(tmp_path):
    root, file = str(tmp_path / "sweep"), sweep_file(tmp_path, _EPSILON)
    with pytest.raises(ValueError, match=r"RayEngine.scheduler must be a scheduler of Ray Tune"):
        run_sweep(root, file, ["RayEngine.scheduler = 'asha'"], engine="ray")
    assert not (tmp_path / "sweep").exists()


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    with pytest.raises(UsageError, match=r"--engine=ray needs Ray Tune: install recsim-tf\[ray\]"):
        run_sweep(str(tmp_path / "sweep"), sweep_file(tmp_path, _EPSILON), engine="ray")
