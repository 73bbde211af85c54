"""Logs made by hand, as nested lists by the names of their fields."""

import math
from typing import Any

from tests.properties.readers.references.cells import require
from tests.properties.readers.references.feedback import shape_of

PLACES = {  # how many axes of sessions, steps and positions a field has
    "shown": 3,
    "slate": 3,
    "candidates": 3,
    "reward": 3,
    "engagement": 3,
    "documents": 3,
    "discount": 2,
    "departed": 1,
    "length": 1,
}
_SLATES = ("propensity", "target")


def check(log: dict[str, Any]) -> None:
    """Raises `Faulty` unless the log is one. Probabilities are named as "propensity.prefix"."""
    length = log["length"]
    require(isinstance(length, list) and length)
    slates = shape_of(log["shown"])
    require(slates is not None and len(slates) == 3)
    number, num_steps, size = slates
    require(number == len(length))
    require(all(type(steps) is int and 1 <= steps <= num_steps for steps in length))
    candidates = shape_of(log["candidates"])
    require(candidates is not None and len(candidates) == 3)
    offered = candidates[2]
    sizes = {name: (number, num_steps, size)[:axes] for name, axes in PLACES.items()}
    sizes["candidates"] = (number, num_steps, offered)
    # Any number of features.
    sizes["observation"] = (*sizes["candidates"], *(shape_of(log["observation"]) or ())[3:])
    for role in _SLATES:
        sizes |= {f"{role}.{field}": (number, num_steps) for field in ("slate", "set")}
        sizes |= {f"{role}.{field}": (number, num_steps, size) for field in ("prefix", "position")}
    for name, values in log.items():
        is_whole_slate = name == "reward" and shape_of(values) == (number, num_steps, 1)
        require(shape_of(values) == sizes[name] or is_whole_slate)
    for session in range(number):
        for step in range(length[session]):
            at_step = {
                name: values[session][step] for name, values in log.items() if len(sizes[name]) > 1
            }
            _check_step(at_step, size, offered)


def _check_step(step: dict[str, Any], size: int, offered: int) -> None:
    slate, reward = step["slate"], step["reward"]
    require(all(position == math.floor(position) for position in slate if math.isfinite(position)))
    require(all(-1 <= position < offered for position in slate))
    shown = [position for position in slate if position >= 0]
    require(len(set(shown)) == len(shown))
    there = [document for document in step["candidates"] if document >= 0]
    require(len(set(there)) == len(there))
    require(all(map(math.isfinite, reward)))
    if len(reward) == size:
        pairs = zip(slate, reward, strict=True)
        require(all(position >= 0 or earned == 0 for position, earned in pairs))
    require(0 <= step["discount"] <= 1)
    for role in _SLATES:
        _check_log_probs(
            {name.partition(".")[2]: values for name, values in step.items() if role in name},
            low=-math.inf if role == "target" else -1e300,
        )


def _check_log_probs(of: dict[str, Any], low: float) -> None:
    for values in of.values():
        for value in values if isinstance(values, list) else [values]:
            require(low <= value <= 1e-5)
    prefix, whole = of.get("prefix"), of.get("slate")
    if prefix is not None:
        pairs = zip([0.0, *prefix], prefix, strict=False)
        require(all(value <= before + 1e-5 for before, value in pairs))
    if prefix is not None and whole is not None:
        close = 1e-3 + 1e-3 * abs(whole)
        same = prefix[-1] == whole
        require(same or (math.isfinite(whole) and abs(prefix[-1] - whole) <= close))
    if whole is not None and "set" in of:
        require(of["set"] >= whole - 1e-3)
