"""Feedback of obp, a dict of lists, and the distributions of actions beside it."""

import math
from typing import Any, NamedTuple

import numpy as np

from tests.properties.readers.references.cells import identity, number, require, whole

_SLATE, _PREFIX, _POSITION = "pscore", "pscore_cascade", "pscore_item_position"


class Round(NamedTuple):
    """One round of feedback, by position."""

    actions: dict[int, int]
    rewards: dict[int, float]
    probabilities: dict[str, list[float]]  # by name, in the order of positions
    target: float | None
    context: Any


def rounds(feedback: dict, action_dist: list | None) -> list[Round]:
    """The rounds in the order of their first rows."""
    require(isinstance(feedback, dict))
    is_slates = feedback.get("slate_id") is not None
    names = ["action", "reward", _SLATE]
    names += ["slate_id", "position", _PREFIX, _POSITION] if is_slates else []
    columns = {name: feedback[name] for name in names if feedback.get(name) is not None}
    require({"action", "reward"} <= set(columns) and columns["action"])
    require(not is_slates or "position" in columns)
    require(all(isinstance(cells, list) for cells in columns.values()))
    length = len(columns["action"])
    require(all(len(cells) == length for cells in columns.values()))
    require(all(type(action) is int for action in columns["action"]))
    size = feedback.get("n_unique_action" if is_slates else "n_actions")
    require(size is None or (type(size) is int and size >= 1))
    size = max(columns["action"]) + 1 if size is None else size
    require(all(0 <= action < size for action in columns["action"]))
    targets = [None] * length
    if not is_slates and action_dist is not None:
        targets = _targets(action_dist, columns["action"], feedback.get("position"), size)
    by_round: dict[str, dict[int, int]] = {}
    for row in range(length):
        key = identity(columns["slate_id"][row]) if is_slates else str(row)
        slate = by_round.setdefault(key, {})
        position = whole(columns["position"][row], 0, 2**31) if is_slates else 0
        require(position not in slate)
        slate[position] = row
    slots = max(map(len, by_round.values()))
    contexts = _contexts(feedback, len(by_round), size)
    are_whole = all(key.lstrip("-").isdigit() for key in by_round)
    order = sorted(by_round, key=int if are_whole else str)
    ranks = {key: rank for rank, key in enumerate(order)}
    read = []
    for key, slate in by_round.items():
        places = dict(sorted(slate.items()))
        require(max(places) < slots)
        actions = {place: columns["action"][row] for place, row in places.items()}
        require(len(set(actions.values())) == len(actions))
        rewards = {place: number(columns["reward"][row]) for place, row in places.items()}
        probabilities = {
            name: [number(columns[name][row]) for row in places.values()]
            for name in (_SLATE, _PREFIX, _POSITION)
            if name in columns
        }
        _require_consistent(probabilities, slots)
        target = targets[places[0]] if not is_slates else None
        context = contexts[ranks[key]] if contexts is not None else None
        read.append(Round(actions, rewards, probabilities, target, context))
    return read


def _require_consistent(probabilities: dict[str, list[float]], slots: int) -> None:
    require(all(0 < value <= 1 for values in probabilities.values() for value in values))
    whole_slate = probabilities.get(_SLATE)
    require(whole_slate is None or min(whole_slate) == max(whole_slate))
    prefix = probabilities.get(_PREFIX)
    if prefix is not None:
        pairs = zip([1.0, *prefix], prefix, strict=False)
        require(all(value <= before * (1 + 1e-5) for before, value in pairs))
        last = prefix[-1] if whole_slate is None else whole_slate[0]
        require(np.isclose(math.log(prefix[-1]), math.log(last), 1e-3, 1e-3))
    if slots == 1:
        logs = np.log(list(probabilities.values()))
        require(not len(logs) or np.allclose(logs, logs[0], 1e-3, 1e-3))


def _targets(action_dist: Any, actions: list[int], places: Any, size: int) -> list:
    """The probability of each action at its position."""
    require(shape_of(action_dist) and len(shape_of(action_dist)) == 3)
    length, num_actions, num_places = shape_of(action_dist)
    require((length, num_actions) == (len(actions), size))
    for of_round in action_dist:
        for place in range(num_places):
            probs = [number(row[place]) for row in of_round]
            require(min(probs) >= 0 and abs(sum(probs) - 1) <= 1e-4)
    places = [0] * length if places is None else places
    require(isinstance(places, list) and len(places) == length)
    require(all(type(place) is int and 0 <= place < num_places for place in places))
    return [
        of_round[action][place]
        for of_round, action, place in zip(action_dist, actions, places, strict=True)
    ]


def _contexts(feedback: dict, length: int, size: int) -> list | None:
    context, actions = feedback.get("context"), feedback.get("action_context")
    if context is None or actions is None:
        return None
    for values, most in ((context, length), (actions, size)):
        shape = shape_of(values)
        require(shape and len(shape) == 2 and shape[0] == most)
        require(all(type(cell) in (int, float) for row in values for cell in row))
        require(all(math.isfinite(cell) for row in values for cell in row))
    return context


def shape_of(nested: Any) -> tuple[int, ...] | None:
    """The shape of lists in lists; None where they differ in length."""
    if not isinstance(nested, list):
        return ()
    shapes = {shape_of(each) for each in nested}
    if len(shapes) != 1 or None in shapes:
        return None if nested else (0,)
    inner = shapes.pop()
    return (len(nested), *(inner or ()))
