"""What Ray on this machine leaves open, and what it leaves behind."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.campaign import sockets
from tests.experiment.tiny_runs import TINY, start_command
from tests.processes import run_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
]

_INTRUDER = """if True:
    import sys, ray
    ray.init(address=sys.argv[1], log_to_driver=False)
    print("connected")
"""


@pytest.fixture
def sweep(tmp_path):
    """A sweep by Ray whose trial runs."""
    file = tmp_path / "sweep.gin"
    file.write_text(
        f"sweep.gin_files = ({TINY!r},)\n"
        "sweep.trials = @listed()\n"
        "listed.trials = ({},)\n"
        "sweep.gin_bindings = ('train.num_iterations = 100000', 'experiment.baselines = ()')\n"
    )
    root = tmp_path / "sweep"
    process = start_command("sweep", f"--root_dir={root}", f"--sweep_file={file}", "--engine=ray")
    while not list(root.rglob("metrics.jsonl")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    yield process
    process.kill()
    process.communicate()


def _living(pids):
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return [pid for pid, state in states.items() if state != "Z"]


def test_a_local_sweep_listens_on_the_loopback_address_and_ends_as_a_whole(sweep):
    pids = sockets.descendants(sweep.pid)
    found = sockets.listeners(pids)
    assert [listener for listener in found if listener.is_open] == []
    (port,) = (each.port for each in found if "gcs_server" in each.command)

    variables = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    for token in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed"}):
        intruder = run_python("-c", _INTRUDER, f"127.0.0.1:{port}", **variables, **token)
        assert intruder.returncode != 0
        assert "connected" not in intruder.stdout
        assert "Failed to connect" in intruder.stderr or "uthenticat" in intruder.stderr

    os.kill(sweep.pid, signal.SIGKILL)
    # The trial saves a checkpoint.
    deadline = time.monotonic() + 30
    while (left := _living(pids)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
