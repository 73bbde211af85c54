"""Logs made by hand."""

import copy
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from recsim_tf.core.base.types import Observation
from recsim_tf.logs import Log, SlateLogProbs
from tests.properties.readers.reading import read_or_none, reads
from tests.properties.readers.references import logs as references
from tests.properties.readers.references.cells import found_or_none

N, P = math.nan, math.inf
# Two sessions, of two steps and of one, whose last step is there again; slates of two positions.
FIELDS: dict[str, Any] = {
    "length": [2, 1],
    "departed": [True, False],
    "documents": [[[5, 7], [6, 0]], [[7, 5], [7, 5]]],
    "shown": [[[True, True], [True, False]], [[True, True], [True, True]]],
    "slate": [[[0, 2], [1, -1]], [[2, 0], [2, 0]]],
    "candidates": [[[5, 6, 7], [5, 6, 7]], [[5, 6, 7], [5, 6, 7]]],
    "observation": [[[[0.5], [1.0], [2.0]]] * 2] * 2,
    "engagement": [[[1.5, N], [N, N]], [[2.0, N], [2.0, N]]],
    "reward": [[[1.0, 0.0], [0.5, 0.0]], [[0.0, -1.0], [0.0, -1.0]]],
    "discount": [[1.0, 0.5], [0.0, 0.0]],
    "propensity.slate": [[-2.0, -1.0], [-0.5, -0.5]],
    "propensity.prefix": [[[-1.0, -2.0], [-1.0, -1.0]], [[-0.25, -0.5], [-0.25, -0.5]]],
    "propensity.position": [[[-1.0, -1.5], [-1.0, 0.0]], [[-0.25, -0.5], [-0.25, -0.5]]],
    "propensity.set": [[-1.5, -1.0], [-0.4, -0.4]],
    "target.slate": [[-2.0, -P], [-0.5, -0.5]],
    "target.prefix": [[[-1.0, -2.0], [-P, -P]], [[-0.25, -0.5], [-0.25, -0.5]]],
}
NUMBERS = (N, P, -P, 0.5, -0.5, -0.25, -3.0, 2.0, 1.0)
WHOLES = (0, 1, 2, 3, -1, -2, 7)
CELLS = {
    "length": (0, 1, 2, 3, -1, 1.5, N),
    "slate": (*WHOLES, 0.5, N),
    **dict.fromkeys(("documents", "candidates"), WHOLES),
    **dict.fromkeys(("departed", "shown"), (True, False)),
}


@st.composite
def damaged(draw, name: str, values: Any) -> Any:
    """The values with another in one place, or one more or less of them along one axis."""
    values = copy.deepcopy(values)
    kind = draw(st.sampled_from(("cell", "cell", "cell", "size", "twice")))
    if kind != "cell":
        return _resized(values, draw(st.integers(0, 3)), kind == "twice")
    part = values
    while isinstance(part[0], list):
        part = part[draw(st.integers(0, len(part) - 1))]
    part[draw(st.integers(0, len(part) - 1))] = draw(st.sampled_from(CELLS.get(name, NUMBERS)))
    return values


def _resized(values: Any, axis: int, twice: bool) -> Any:
    """One more or less along an axis; a number in the place of each list of the last one."""
    if not isinstance(values, list):
        return values
    if axis == 0:
        return [*values, values[-1]] if twice else values[:-1]
    return [_resized(each, axis - 1, twice) for each in values]


def made(fields: dict[str, Any]) -> Log:
    """The log of these fields."""
    arrays = {name: np.array(values) for name, values in fields.items()}
    probabilities = {
        role: SlateLogProbs(
            **{name.partition(".")[2]: arrays.pop(name) for name in fields if name.startswith(role)}
        )
        for role in ("propensity", "target")
    }
    seen = Observation((), arrays.pop("observation"), ())
    return Log(**arrays, **probabilities, observation=seen)


@reads(Log)
def test_logs_by_hand_are_what_they_should_be_or_named(data):
    fields = dict(FIELDS)
    optional = [name for name in fields if "." in name]
    for name in data.draw(st.lists(st.sampled_from(optional), unique=True)):
        del fields[name]
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from(sorted(fields)))
        fields[name] = data.draw(damaged(name, fields[name]))
    expected = found_or_none(lambda: references.check(fields) or True)
    names = ("log must have", *(f"{name.partition('.')[0]}" for name in fields))
    read_or_none(lambda: made(fields).check(), expected, *names)
