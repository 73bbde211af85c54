# SPDX-License-Identifier: Apache-2.0
"""Impressions, and candidates beside them."""

import datetime
import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from tests.properties.readers.cells import (
    Faulty,
    flag,
    float32,
    identity,
    is_empty,
    number,
    require,
    whole,
)

SLATE_ROLES = ("propensity", "propensity_set", "target_propensity")
POSITION_ROLES = ("propensity_prefix", "propensity_position")
_CLOSE = 1e-3  # of log-probabilities


class Step(NamedTuple):
    """A slate, by position where not said otherwise."""

    documents: dict[int, str]
    picked: set[int]
    purchased: set[int]
    engagement: dict[int, Any]  # None where it is not known
    reward: dict[int, float]
    quality: dict[int, Any]
    probabilities: dict[str, Any]  # by role; of single positions a dict
    context: Any
    candidates: Any  # features by id


class Session(NamedTuple):
    steps: list[Step]
    departed: bool
    user: Any
    fields: dict[str, Any]  # None where a session has no value


def impressions(
    rows: list[dict],
    roles: set[str],
    dates: bool = False,
    multiple_clicks: bool = False,
    slate_size: int | None = None,
    candidates: list[dict] | None = None,
) -> dict[str, Session]:
    """Sessions by id, in the order of their first rows. Columns of users are "age", a number, and
    "country", a text; the context is "hour", and "quality" is an attribute.
    """
    by_session: dict[str, list[dict]] = {}
    for row in rows:
        by_session.setdefault(identity(row["session"]), []).append(row)
    slates = {name: _slates(of, roles, dates) for name, of in by_session.items()}
    sizes = [len(slate) for of in slates.values() for slate in of.values()]
    size = slate_size or max(sizes)
    offered = None if candidates is None else _candidates(candidates, set(slates))
    sessions = {}
    for name, of in slates.items():
        steps = []
        for key, slate in of.items():
            require(max(slate) < size)
            step = _step(slate, roles, multiple_clicks, size)
            if offered is not None:
                features = offered.get((name, key))
                require(features is not None and set(step.documents.values()) <= set(features))
                require(len(set(step.documents.values())) == len(step.documents))
                step = step._replace(candidates=features)
            steps.append(step)
        sessions[name] = _session(by_session[name], steps, roles)
    return sessions


def without_faults(rows: list[dict], **arguments: Any) -> dict[str, Session]:
    """The sessions that have no fault, each by itself."""
    sound = {}
    for name in dict.fromkeys(id_or_none(row["session"]) for row in rows):
        try:
            of_session = [row for row in rows if id_or_none(row["session"]) == name]
            sound |= impressions(of_session, **arguments)
        except Faulty:
            continue
    require(sound)
    return sound


def id_or_none(cell: Any) -> str | None:
    try:
        return identity(cell)
    except Faulty:
        return None


def _slates(rows: list[dict], roles: set[str], dates: bool) -> dict[Any, dict[int, dict]]:
    """The rows of a session by what tells a step, in order, and by position."""
    slates: dict[Any, dict[int, dict]] = {}
    times: dict[Any, Any] = {}
    last = -math.inf
    for row in rows:
        key = whole(row["step"]) if "step" in roles else 0
        if "timestamp" in roles:
            time = _date(row["timestamp"]) if dates else number(row["timestamp"])
            if "step" not in roles:
                require(time >= last)
                key = last = time
            times[key] = min(time, times.get(key, math.inf))
        slate = slates.setdefault(key, {})
        position = whole(row["position"], 0, 2**31)
        require(position not in slate)
        slate[position] = row
    steps = sorted(slates)
    require([times[key] for key in steps] == sorted(times.values()) if times else True)
    return {key: dict(sorted(slates[key].items())) for key in steps}


def _date(cell: Any) -> float:
    """Seconds of ISO text, in UTC where no zone is given."""
    try:
        time = datetime.datetime.fromisoformat(cell)
    except (TypeError, ValueError):
        raise Faulty from None
    return time.replace(tzinfo=time.tzinfo or datetime.UTC).timestamp()


def _step(slate: dict[int, dict], roles: set[str], multiple_clicks: bool, size: int) -> Step:
    documents = {position: identity(row["document"]) for position, row in slate.items()}
    # Probabilities are of slates of different documents.
    if not roles.isdisjoint((*SLATE_ROLES, *POSITION_ROLES)):
        require(len(set(documents.values())) == len(documents))
    picked: set[int] = set()
    if "clicked" in roles:
        picked = {position for position, row in slate.items() if flag(row["clicked"])}
        require(len(picked) <= 1 or multiple_clicks or "purchased" in roles)
    elif "chosen_document" in roles:
        chosen = {
            None if is_empty(row["chosen_document"]) else identity(row["chosen_document"])
            for row in slate.values()
        }
        require(len(chosen) == 1)
        picked = {position for position, name in documents.items() if name in chosen}
        require(len(picked) == (chosen != {None}))
    purchased = set()
    if "purchased" in roles:
        purchased = {position for position, row in slate.items() if flag(row["purchased"])}
        require(purchased <= picked)
    engagement, reward, quality = {}, {}, {}
    for position, row in slate.items():
        reward[position] = float(position in picked)
        if "reward" in roles:
            reward[position] = number(row["reward"])
        if "engagement" in roles:
            cell = row["engagement"]
            engagement[position] = None if is_empty(cell) else float32(cell)
        if "quality" in roles:
            quality[position] = float32(row["quality"])
    context = None
    if "hour" in roles:
        hours = {float32(row["hour"]) for row in slate.values()}
        require(len(hours) == 1)
        context = hours.pop()
    probabilities = _probabilities(slate, roles, size)
    return Step(
        documents, picked, purchased, engagement, reward, quality, probabilities, context, None
    )


def _probabilities(slate: dict[int, dict], roles: set[str], size: int) -> dict[str, Any]:
    probabilities: dict[str, Any] = {}
    for role in SLATE_ROLES:
        if role in roles:
            values = [number(row[role]) for row in slate.values()]
            low = 0 if role.startswith("target") else 1e-300
            require(min(values) == max(values) and low <= values[0] <= 1)
            probabilities[role] = values[0]
    for role in POSITION_ROLES:
        if role in roles:
            probabilities[role] = {position: number(row[role]) for position, row in slate.items()}
            require(all(0 < value <= 1 for value in probabilities[role].values()))
    whole_slate = probabilities.get("propensity")
    if "propensity_prefix" in probabilities:
        values = list(probabilities["propensity_prefix"].values())
        pairs = zip([1.0, *values], values, strict=False)
        require(all(value <= before * (1 + 1e-5) for before, value in pairs))
        if whole_slate is None:
            whole_slate = min(values)
        difference = abs(math.log(min(values)) - math.log(whole_slate))
        require(difference <= _CLOSE * (1 + abs(math.log(whole_slate))))
    if "propensity_set" in probabilities and whole_slate is not None:
        require(math.log(probabilities["propensity_set"]) >= math.log(whole_slate) - _CLOSE)
    if size == 1:
        # All of them are the same of one document.
        values = [
            v if isinstance(v, float) else v[0] for k, v in probabilities.items() if k[0] == "p"
        ]
        require(not values or np.allclose(np.log(values), np.log(values[0]), _CLOSE, _CLOSE))
    return probabilities


def _session(rows: list[dict], steps: list[Step], roles: set[str]) -> Session:
    departed = {flag(row["departed"]) for row in rows} if "departed" in roles else {True}
    users = {identity(row["user"]) for row in rows} if "user" in roles else {None}
    require(len(departed) == len(users) == 1)
    fields = {}
    for name, read in (("age", float32), ("country", identity)):
        if name in roles:
            values = {read(row[name]) for row in rows if not is_empty(row[name])}
            require(len(values) <= 1)
            fields[name] = values.pop() if values else None
    return Session(steps, departed.pop(), users.pop(), fields)


def _candidates(rows: list[dict], sessions: set[str]) -> dict[tuple[str, int], dict[str, Any]]:
    """The price by document, by session and step."""
    offered: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        document, step, price = identity(row["document"]), whole(row["step"]), float32(row["price"])
        session = id_or_none(row["session"])
        if session in sessions:
            of_step = offered.setdefault((session, step), {})
            require(document not in of_step)
            of_step[document] = price
    require(offered)
    counts = Counter(map(len, offered.values()))
    most = max(sorted(counts), key=lambda size: counts[size])
    return {key: of for key, of in offered.items() if len(of) == most}
