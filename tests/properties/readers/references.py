"""What readers of logs must find, by plain Python that goes cell by cell, written from their
documentation. A fault is `Faulty`.
"""

import html
import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.conversations.acts import Act, Mode

# Cells of a file of separated values that count as empty.
EMPTY = ("", "NA", "nan", "null", "None")
# The codes of IARD, from tables 2 and 3 of its paper.
INTENTS = {"NRE": "neutral", "ACC": "accept", "REJ": "reject", "ANS": "answer", "SEE": "seen"}
INTENTS |= {"PRO": "disclose", "INQ": "inquire", "ASK": "opinion", "OTH": "other"}
INTENTS |= dict.fromkeys(("CRI-F", "CRI-A", "CRI-C"), "critique")
INTENTS |= dict.fromkeys(("IQU", "CON", "REF", "STO"), "request")
ACTS = dict.fromkeys(("EXP-I", "EXP-P", "EXP-S"), Act.ENDORSE)
ACTS |= dict.fromkeys(("REC-S", "REC-E"), Act.RECOMMEND)
ACTS |= dict.fromkeys(("REQ", "CLQ"), Act.ASK)
ACTS |= dict.fromkeys(("RESP", "R-ANS", "OTH"), Act.RESPOND)


class Faulty(Exception):  # noqa: N818
    """The input is not what the documentation says."""


def require(holds: Any) -> None:
    if not holds:
        raise Faulty


def found_or_none(find: Callable[[], Any]) -> Any:
    """What a reference finds; None for a faulty input."""
    try:
        return find()
    except Faulty:
        return None


def is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def number(cell: Any) -> float:
    """A finite number, which may be text."""
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise Faulty from None
    require(math.isfinite(value))
    return value


def whole(cell: Any, low: float = -(2**53), high: float = 2**53) -> int:
    value = number(cell)
    require(value == int(value) and low <= value < high)
    return int(value)


def float32(cell: Any) -> np.float32:
    """A number that float32 can hold."""
    with np.errstate(over="ignore", under="ignore"):
        value = np.float32(number(cell))
    require(np.isfinite(value))
    return value


def flag(cell: Any) -> bool:
    text = str(cell).lower()
    value = number({"true": 1, "false": 0}.get(text, cell))
    require(value in (0, 1))
    return value == 1


def identity(cell: Any) -> Any:
    """A cell that is an id."""
    require(not is_empty(cell) and cell.__hash__)
    return cell


def is_utf8(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def iard(content: bytes) -> list[tuple]:
    """(dialogue, act, offers, intents, text) of each seeker's utterance after one of the
    recommender.
    """

    def distinct(pairs: list) -> dict:
        require(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    try:
        dialogues = json.loads(content, object_pairs_hook=distinct)
    except (ValueError, RecursionError):
        raise Faulty from None
    require(isinstance(dialogues, dict))
    rows = []
    for name in sorted(dialogues):
        require(isinstance(dialogues[name], dict))
        utterances = dialogues[name].get("dialogue_info")
        require(isinstance(utterances, dict))
        by_position = {}
        for each in utterances.values():
            require(isinstance(each, dict))
            position, codes = each.get("utterance_pos"), each.get("sub-intent/action")
            require(type(position) is int and 0 <= position < 2**31)
            require(position not in by_position and each.get("role") in ("seeker", "recommender"))
            known = INTENTS if each["role"] == "seeker" else ACTS
            require(isinstance(codes, list) and codes)
            require(all(isinstance(code, str) and code in known for code in codes))
            require(len(set(codes)) == len(codes) and is_utf8(each.get("utterance_text")))
            by_position[position] = each
        act, offers = None, 0
        for _, each in sorted(by_position.items()):
            codes = each["sub-intent/action"]
            if each["role"] == "recommender":
                acts = [ACTS[code] for code in codes]
                order = (Act.ENDORSE, Act.RECOMMEND, Act.ASK, Act.RESPOND)
                act = next(one for one in order if one in acts)
                offers += Act.RECOMMEND in acts
            elif act is not None:
                text = re.sub(
                    r"@\d+(\s*<[^>]*>)?|<[^>]*>", " film ", html.unescape(each["utterance_text"])
                )
                rows.append((name, act, offers, {INTENTS[code] for code in codes}, text))
    require(rows)
    return rows


def soft_attributes(header: list[str], rows: list[list[str]]) -> list[tuple]:
    """(row, rater, attribute, reference, film, relation) of each comparison."""
    table = records(header, rows, ("rater_id", "reference_title", "soft_attribute", *BINS))
    found = []
    for number_of_row, row in enumerate(table):
        require(row["rater_id"] not in EMPTY)
        reference, attribute = row["reference_title"], row["soft_attribute"]
        require(reference.strip() and attribute.strip())
        met = {reference}
        for relation, name in enumerate(BINS):
            try:
                films = json.loads(row[name]) if row[name].strip() else []
            except ValueError:
                raise Faulty from None
            require(isinstance(films, list) and all(map(is_utf8, films)) and all(films))
            for film in films:
                require(film not in met)
                met.add(film)
                found.append((number_of_row, row["rater_id"], attribute, reference, film, relation))
    require(found)
    return found


BINS = ("less_than", "about_as", "more_than")


def records(header: list[str], rows: list[list[str]], needed: tuple[str, ...]) -> list[dict]:
    """The rows by the names of their columns."""
    require(rows and all(header.count(name) == 1 for name in needed))
    require(all(len(row) == len(header) for row in rows))
    return [dict(zip(header, row, strict=True)) for row in rows]


def member(cell: Any, kind: Any) -> int:
    """A name or a number of an enumeration."""
    text = str(cell).strip().lower()
    for one in kind:
        if text in (one.name.lower(), str(int(one)), f"{int(one)}.0"):
            return int(one)
    raise Faulty


def turns(rows: list[dict], has_words: bool, num_attributes: int) -> dict[Any, list[tuple]]:
    """By session, in the order of their first rows: (act, items, attribute, mode, value, dwell,
    words, departed) of each turn in its order; None is unknown or empty.
    """
    names = ("funny", "dark")[:num_attributes]
    sizes = (1, 3, 3, 5, 2 * num_attributes, num_attributes, 1, 1, 1)
    found: dict[Any, dict[int, tuple]] = {}
    for row in rows:
        session = found.setdefault(identity(row["user"]), {})
        step = whole(row["turn"])
        require(step not in session)
        items = [
            None if is_empty(row[name]) else identity(row[name]) for name in ("first", "second")
        ]
        require(items[0] is None or items[0] != items[1])
        asked = None if is_empty(row["asked"]) else row["asked"]
        require(asked is None or asked in names)
        mode = value = None
        if not (has_words and is_empty(row["reply"])):
            mode = member(row["reply"], Mode)
        if not is_empty(row["value"]):
            require(mode is not None)
            value = whole(row["value"], 0, sizes[mode])
        elif mode is not None and sizes[mode] == 1:
            value = 0
        require(has_words or value is not None)
        is_chosen = mode == Mode.CHOOSE and value is not None and value < 2
        require(not is_chosen or items[value] is not None)
        dwell = float32(row["dwell"])
        require(dwell >= 0)
        may_be_chosen = mode is None or (mode == Mode.CHOOSE and value is None)
        require(may_be_chosen or (dwell > 0) == is_chosen)
        words = None
        if has_words:
            words = "" if is_empty(row["said"]) else row["said"]
            words = str(words) if isinstance(words, int | float) else words
            require(is_utf8(words))
        departed = flag(row["left"])
        require(all(turn[-1] == departed for turn in session.values()))
        act = member(row["act"], Act)
        session[step] = (act, items, asked, mode, value, dwell, words, departed)
    return {key: [turn for _, turn in sorted(of.items())] for key, of in found.items()}


def impressions(rows: list[dict]) -> dict[Any, list[tuple]]:
    """By session: (documents by position, chosen position or None, its engagement, departed) of
    each slate in its order.
    """
    found: dict[Any, dict[int, dict]] = {}
    for row in rows:
        slates = found.setdefault(identity(row["session"]), {})
        slate = slates.setdefault(whole(row["step"]), {})
        position = whole(row["position"], 0, 2**31)
        require(position not in slate)
        engagement = None if is_empty(row["engagement"]) else float32(row["engagement"])
        clicked = flag(row["clicked"])
        require(not clicked or engagement is not None)
        document = identity(row["document"])
        slate[position] = (document, clicked, engagement, flag(row["departed"]))
    every = [slate for slates in found.values() for slate in slates.values()]
    size = max(len(slate) for slate in every)
    result = {}
    for session, slates in found.items():
        require(len({cell[3] for slate in slates.values() for cell in slate.values()}) == 1)
        result[session] = []
        for _, slate in sorted(slates.items()):
            clicked = [position for position, cell in slate.items() if cell[1]]
            require(len(clicked) <= 1 and max(slate) < size)
            documents = {position: cell[0] for position, cell in slate.items()}
            chosen = clicked[0] if clicked else None
            engagement = slate[chosen][2] if clicked else None
            departed = next(iter(slate.values()))[3]
            result[session].append((documents, chosen, engagement, departed))
    return result


def ratings(header: list[str], rows: list[list[str]]) -> list[tuple[int, int, float, int]]:
    """(user, movie, stars, time) of each row of a file of MovieLens."""
    table = records(header, rows, ("user_id", "item_id", "rating", "timestamp"))
    found = []
    for row in table:
        user, movie = whole(row["user_id"]), whole(row["item_id"], 1, 1683)
        stars, time = number(row["rating"]), whole(row["timestamp"], 0)
        require(0 < stars < 100 and (user, movie) not in {each[:2] for each in found})
        found.append((user, movie, stars, time))
    return found


def movies(header: list[str], rows: list[list[str]]) -> dict[int, tuple[set[str], int]]:
    """Genres and year of each movie of a file of MovieLens."""
    found: dict[int, tuple[set[str], int]] = {}
    for row in records(header, rows, ("item_id", "release_year", "class")):
        movie = whole(row["item_id"], 1, 1683)
        require(movie not in found)
        try:
            year = number(row["release_year"])
        except Faulty:
            year = 0
        found[movie] = set(filter(None, row["class"].split(" "))), whole(year, 0, 10_000)
    return found


def bandit(
    header: list[str], rows: list[list[str]], of_items: list[str], items: list[list[str]]
) -> list[tuple]:
    """(item, position from 0, clicked, propensity, affinity to the item) of each impression."""
    needed = ("item_id", *(f"item_feature_{number}" for number in range(4)))
    ids = []
    for row in records(of_items, items, needed):
        ids.append(whole(row["item_id"], 0, len(items)))
        float32(row["item_feature_0"])
        require(all(row[name] not in EMPTY for name in needed[2:]))
    require(len(set(ids)) == len(ids))
    users = tuple(f"user_feature_{number}" for number in range(4))
    scores = tuple(f"user-item_affinity_{item}" for item in range(len(ids)))
    needed = ("timestamp", "item_id", "position", "click", "propensity_score", *users, *scores)
    found = []
    for row in records(header, rows, needed):
        item, position = whole(row["item_id"], 0, len(ids)), whole(row["position"], 1, 4)
        clicked, propensity = whole(row["click"], 0, 2) == 1, number(row["propensity_score"])
        affinities = [float32(row[name]) for name in scores]
        require(0 < propensity <= 1 and min(affinities) >= 0)
        require(
            row["timestamp"].startswith("2019") and all(row[name] not in EMPTY for name in users)
        )
        found.append((item, position - 1, clicked, propensity, affinities[item]))
    return found


def result_pages(pages: list[list]) -> list[tuple[list[tuple], set[int]]]:
    """The pairs of query and document of each page, and the positions that were clicked."""

    def is_id(cell):
        return isinstance(cell, str | int | float) and not is_empty(cell)

    found = []
    for query, documents, clicked in pages:
        require(is_id(query) and isinstance(documents, list) and isinstance(clicked, list))
        require(documents and len(documents) == len(pages[0][1]) and all(map(is_id, documents)))
        positions = {whole(position, 0, len(documents)) for position in clicked}
        found.append(([(query, document) for document in documents], positions))
    return found


# Ranges of features of interest exploration with four candidates of two topics; others are those
# of int32.
RANGES = {"slate": (-1, 3), "documents/cluster_id": (0, 1), "is_terminal": (0, 1)}
RANGES["is_truncated"] = (0, 1)


def sessions(serialized: list[bytes], whole_record: bytes) -> list[dict[str, list[list]]]:
    """The values of each step by feature, of records of interest exploration like a whole one."""
    shape = _features(whole_record)[0]
    sizes = {name: len(steps[0]) for name, steps in shape.items()}
    found = []
    require(serialized)
    for index, record in enumerate(serialized):
        features, is_last = _features(record)
        require(is_last == (index == len(serialized) - 1) and set(features) == set(sizes))
        length = len(features["reward"])
        for name, steps in features.items():
            low, high = RANGES.get(name, (-(2**31), 2**31 - 1))
            require(len(steps) == length and all(len(step) == sizes[name] for step in steps))
            for value in (value for step in steps for value in step):
                require(math.isfinite(value) and (isinstance(value, float) or low <= value <= high))
        ends = [features["is_terminal"], features["is_truncated"]]
        require(not any(end[0] for of in ends for end in of[:-1]))
        require(not (ends[0][-1][0] and ends[1][-1][0]))
        found.append(features)
    return found


def _features(record: bytes) -> tuple[dict[str, list[list]], bool]:
    """The values of each step by feature, and whether the record is the last one."""
    example = tf.train.SequenceExample.FromString(record)
    features = {
        name: [list(getattr(each, each.WhichOneof("kind")).value) for each in steps.feature]
        for name, steps in example.feature_lists.feature_list.items()
    }
    return features, example.context.feature["is_last"].int64_list.value[0] == 1
