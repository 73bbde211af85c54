# SPDX-License-Identifier: Apache-2.0
import os
import signal
import time
from pathlib import Path

import pytest
import tensorflow as tf

from recsim_tf.support.stopping import TerminatedError, interrupted_by_signals

_PROGRAM = """
def convert():
    os.kill(os.getpid(), number)
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass
    done.append("converted")
"""


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)]
)
def test_an_interrupt_inside_tensorflow_is_raised_after_it(number, error):
    # TensorFlow's C++ may have called this function, and aborts where it raises.
    done: list[str] = []
    names = {"os": os, "time": time, "number": number, "done": done}
    file = str(Path(tf.__file__).parent / "python" / "convert.py")
    exec(compile(_PROGRAM, file, "exec"), names)

    def run():
        names["convert"]()
        for _ in range(200):
            time.sleep(0.01)
        done.append("too late")

    with pytest.raises(error), interrupted_by_signals():
        run()
    assert done == ["converted"]


def test_an_interrupt_elsewhere_is_raised_at_once():
    reached = []

    def run():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("too late")

    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        run()
    assert not reached
