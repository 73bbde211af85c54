"""Workers that find each other, and tell each other from strangers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.processes import free_addresses, tf_config
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.training import meeting
from tests.experiment.tiny_runs import TINY, start_command


def _loopback(number):
    return [address.replace("localhost", "127.0.0.1") for address in free_addresses(number)]


def _meet_all(addresses, keys, timeout=20.0):
    """Lets workers meet, a thread each; their errors, None for those that have met."""
    errors = [None] * len(addresses)

    def meet(index):
        try:
            meeting.meet(addresses, index, keys[index], timeout)
        except UsageError as error:
            errors[index] = str(error)

    threads = [threading.Thread(target=meet, args=[index]) for index in range(len(addresses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(meeting, "_SECONDS_TO_ANSWER", 0.5)
    monkeypatch.setattr(meeting, "_POLL_SECONDS", 0.02)


def test_all_workers_of_a_run_meet():
    addresses = _loopback(3)
    key = meeting.run_key(addresses, "a = 1")
    assert _meet_all(addresses, [key] * 3) == [None] * 3


def test_workers_of_another_configuration_or_secret_do_not_meet(monkeypatch):
    addresses = _loopback(2)
    mine = meeting.run_key(addresses, "a = 1")
    monkeypatch.setenv(meeting.SECRET, "ours alone")
    keys = [mine, meeting.run_key(addresses, "a = 1"), meeting.run_key(addresses, "a = 2")]
    assert len({*keys, meeting.run_key(addresses[::-1], "a = 1")}) == 4
    for error in _meet_all(addresses, keys[:2], 2.0):
        assert "is something else, or a worker with another configuration" in error
        assert error.endswith("within devices.start_timeout = 2 seconds")


def _garbage(connection):
    connection.sendall(b"x" * 100)


def _silence(connection):
    time.sleep(2)


def _echo(connection):
    connection.sendall(b"\1" + connection.recv(32))


@pytest.mark.parametrize("answer", [_garbage, _silence, _echo, socket.socket.close])
def test_a_foreign_server_at_a_workers_address_is_found_out(answer):
    (address,) = _loopback(1)
    with socket.create_server(("127.0.0.1", 0)) as foreign:

        def serve():
            while True:
                try:
                    connection, _ = foreign.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        addresses = [address, f"127.0.0.1:{foreign.getsockname()[1]}"]
        with pytest.raises(UsageError, match=r"worker 1 \(127.0.0.1:\d+\) is something else"):
            meeting.meet(addresses, 0, meeting.run_key(addresses, ""), 0.3)
        foreign.shutdown(socket.SHUT_RDWR)


def test_a_worker_that_does_not_start_is_named():
    addresses = _loopback(2)
    with pytest.raises(UsageError, match=r"^worker 1 \(127.0.0.1:\d+\) did not start within"):
        meeting.meet(addresses, 0, b"", 0.1)


@pytest.mark.parametrize("host", ["192.0.2.99", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_told_at_once(host):
    with pytest.raises(UsageError, match=f"worker 0, {host}:2222, must be one of this machine"):
        meeting.meet([f"{host}:2222", "127.0.0.1:1"], 0, b"", 3600)


def test_a_worker_listens_at_its_address_alone():
    (address,) = _loopback(1)
    with meeting._answering([address], 0, b"") as server:
        assert server.socket.getsockname() == ("127.0.0.1", int(address.rpartition(":")[2]))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", server.socket.getsockname()[1]))


# Keeps the interpreter to itself, as TensorFlow does, for ever or for some seconds.
_DEAF = """if True:
    import ctypes, sys
    from recsim_tf.experiment.training import meeting
    meeting._LEAST_SECONDS_TO_CONNECT = 0
    with meeting.guarded(float(sys.argv[1])):
        print("inside", flush=True)
        ctypes.PyDLL(None).sleep(int(sys.argv[2]))
    print("after", flush=True)
"""


def _deaf(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", _DEAF, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_process_that_is_deaf_ends_by_time_and_by_signals_with_a_line():
    late, asked, well = _deaf("1", "60"), _deaf("60", "60"), _deaf("60", "1")
    assert asked.stdout.readline() == "inside\n"
    asked.send_signal(signal.SIGTERM)
    for process, told in (
        (late, "recsim-tf: error: TensorFlow did not connect the workers within"),
        (asked, "recsim-tf: stopped while TensorFlow connected the workers"),
    ):
        _, errors = process.communicate()
        assert process.returncode == 2
        assert errors.splitlines()[-1].startswith(told)
    output, errors = well.communicate()
    assert well.returncode == 0
    assert output.endswith("after\n")
    assert "recsim-tf" not in errors


@pytest.mark.slow
def test_a_worker_that_goes_away_before_tensorflow_connects_ends_the_others(tmp_path):
    addresses = _loopback(2)
    code = (
        "import sys, runpy; from recsim_tf.experiment.training import meeting;"
        " meeting._LEAST_SECONDS_TO_CONNECT = 0; sys.argv[0] = 'recsim-tf';"
        " runpy.run_module('recsim_tf.cli', run_name='__main__')"
    )
    bindings = ["devices.strategy = 'multi_worker'", "devices.start_timeout = 20"]
    arguments = [f"--root_dir={tmp_path / 'run'}", f"--gin_file={TINY}"]
    arguments += [f"--gin_bindings={binding}" for binding in bindings]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", *arguments],
        env={**os.environ, **tf_config(addresses, 0), "CUDA_VISIBLE_DEVICES": ""},
        stderr=subprocess.PIPE,
        text=True,
    )
    from recsim_tf.experiment import config

    key = meeting.run_key(addresses, config.load([TINY], bindings))
    meeting.meet(addresses, 1, key, 60)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith(
        "recsim-tf: error: TensorFlow did not connect the workers within devices.start_timeout"
    )


@pytest.mark.slow
def test_a_foreign_server_ends_the_command_in_time_with_a_line(tmp_path):
    (address,) = _loopback(1)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        addresses = [address, f"127.0.0.1:{foreign.getsockname()[1]}"]
        process = start_command(
            "train",
            f"--root_dir={tmp_path / 'run'}",
            f"--gin_file={TINY}",
            "--gin_bindings=devices.strategy = 'multi_worker'",
            "--gin_bindings=devices.start_timeout = 5",
            environment=tf_config(addresses, 0),
        )
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"worker 1 ({addresses[1]}) is something else" in errors.splitlines()[-1]
