# SPDX-License-Identifier: Apache-2.0
"""Damage to files, as strategies of Hypothesis, and the promise that all readers keep."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# What gin adds to the message of an error.
_ADDED_BY_GIN = re.compile(r"\n  (In call to configurable|No values supplied by Gin).*", re.DOTALL)
_NO_JSON = (b"", bytes(64), b"not JSON\n", b'{"name": "\xe9"}\n', b"[" * 100_000)
_OTHER_VALUES = ("text", "", [], {}, True, None, 2.5, -1, 0, 10**400, float("nan"))


def read_or_refused(read: Callable[[], Any], *names: str) -> Any:
    """What was read, or None where the reader refused in one line that has one of the names. Any
    other error is raised.
    """
    try:
        return read()
    except (ValueError, OSError) as error:
        message = one_line(error)
        assert any(name in message for name in names), message
        return None


def one_line(error: Exception) -> str:
    """The message of an error, which must be one line."""
    message = _ADDED_BY_GIN.sub("", str(error))
    assert "\n" not in message, message
    return message


@st.composite
def bytes_of(draw, whole: bytes) -> bytes:
    """A file that is cut, or has a bit flipped, or zeros in the place of some bytes."""
    place = draw(st.integers(0, len(whole) - 1))
    kind = draw(st.sampled_from(("cut", "bit", "zeros")))
    if kind == "cut":
        return whole[:place]
    changed = bytearray(whole)
    if kind == "bit":
        changed[place] ^= 1 << draw(st.integers(0, 7))
    else:
        changed[place : place + 8] = bytes(len(changed[place : place + 8]))
    return bytes(changed)


@st.composite
def json_of(draw, content: Any) -> Any:
    """JSON that holds something else in one place, or lacks a part."""
    keys = {dict: list, list: lambda parts: range(len(parts))}.get(type(content), lambda _: ())
    change = draw(st.sampled_from(("inside", "inside", "here", "removed")))
    if change == "here" or not keys(content):
        return draw(st.sampled_from(_OTHER_VALUES))
    key = draw(st.sampled_from(keys(content)))
    changed = copy.copy(content)
    if change == "removed":
        del changed[key]
    else:
        changed[key] = draw(json_of(content[key]))
    return changed


def file_of(whole: bytes) -> st.SearchStrategy[bytes]:
    """A damaged file; one of JSON may hold something else."""
    try:
        content = json.loads(whole)
    except ValueError:
        return bytes_of(whole)
    other = json_of(content).map(lambda changed: json.dumps(changed).encode())
    return other | bytes_of(whole) | st.sampled_from(_NO_JSON)
