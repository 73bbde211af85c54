# SPDX-License-Identifier: Apache-2.0
import io
import sys

from recsim_tf.support import progress
from recsim_tf.support.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    list(progress_bar(range(1000), desc="steps", **options))
    return stream.getvalue()


def test_without_a_terminal_a_bar_writes_lines(monkeypatch):
    text = shown(monkeypatch, io.StringIO(), mininterval=0.0, miniters=1)
    first, last = text.splitlines()
    assert (first[:11], last[:11]) == ("steps:   0%", "steps: 100%")
    assert "\r" not in text


def test_without_a_terminal_a_bar_writes_a_line_every_ten_seconds(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(total=100, miniters=1, mininterval=0.0) as bar:
        for _ in range(100):
            bar.last_print_t -= 0.5  # Half a second goes by.
            bar.update()
    lines = sys.stderr.getvalue().splitlines()
    assert 6 <= len(lines) <= 7  # The first, one every twenty steps, the last.


def test_on_a_terminal_a_bar_moves(monkeypatch):
    text = shown(monkeypatch, Terminal(), mininterval=0.0, miniters=1)
    assert text.count("\r") > 100
    assert text.count("\n") == 1


def test_no_bar_is_shown_unless_asked_for(monkeypatch):
    assert shown(monkeypatch, io.StringIO(), show=False) == ""


class Kernel:
    """IPython in the kernel of a notebook."""

    config = ("IPKernelApp",)

    def get_ipython(self):
        return self


def test_a_bar_moves_in_a_notebook_without_ipywidgets_and_nothing_warns(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", Kernel())
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    text = shown(monkeypatch, io.StringIO(), mininterval=0.0, miniters=1)
    assert text.count("\r") > 100
