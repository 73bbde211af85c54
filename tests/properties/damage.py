"""Damage to files, as strategies of Hypothesis, and the promise that all readers keep."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tree
from hypothesis import strategies as st

# What gin adds to the message of an error.
_ADDED_BY_GIN = re.compile(r"\n  (In call to configurable|No values supplied by Gin).*", re.DOTALL)
_NO_JSON = (
    b"",
    bytes(64),
    b"not JSON\n",
    b'{"name": "\xe9"}\n',
    b"[" * 100_000,
    b"null\n",
    b"12\n",
    b"[]\n",
    b'"text"\n',
    b"{}\n",
)
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


def same(one: Any, other: Any) -> bool:
    """Whether two nests are equal bit for bit."""
    leaves, others = tree.flatten(one), tree.flatten(other)
    return len(leaves) == len(others) and all(map(np.array_equal, leaves, others))


@st.composite
def bytes_of(draw, whole: bytes) -> bytes:
    """A file that is cut, or has some bits flipped, or zeros in the place of some bytes."""
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
def json_of(draw, content: Any) -> bytes:
    """A JSON file that holds something else, lacks a part, or is no JSON."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(_NO_JSON))
    *outer, last = draw(st.sampled_from(list(_paths(content))))
    changed = copy.deepcopy(content)
    part = changed
    for key in outer:
        part = part[key]
    if draw(st.booleans()) and isinstance(part, dict):
        del part[last]
    else:
        part[last] = draw(st.sampled_from(_OTHER_VALUES))
    return json.dumps(changed).encode()


def _paths(content: Any) -> Iterator[tuple]:
    """Keys and positions that lead to each part of JSON."""
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    for key, value in items:
        yield (key,)
        for path in _paths(value):
            yield key, *path


def file_of(whole: bytes) -> st.SearchStrategy[bytes]:
    """A damaged file; one of JSON may hold something else."""
    try:
        content = json.loads(whole)
    except ValueError:
        return bytes_of(whole)
    return bytes_of(whole) | json_of(content)
