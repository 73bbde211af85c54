"""Dialogues, judgements and turns."""

import html
import json
import re
from typing import Any

from recsim_tf.conversations.acts import Act, Mode
from tests.properties.readers.references.cells import (
    Faulty,
    flag,
    float32,
    identity,
    is_empty,
    is_utf8,
    records,
    require,
    whole,
)

# The codes of IARD, from tables 2 and 3 of its paper.
INTENTS = {"NRE": "neutral", "ACC": "accept", "REJ": "reject", "ANS": "answer", "SEE": "seen"}
INTENTS |= {"PRO": "disclose", "INQ": "inquire", "ASK": "opinion", "OTH": "other"}
INTENTS |= dict.fromkeys(("CRI-F", "CRI-A", "CRI-C"), "critique")
INTENTS |= dict.fromkeys(("IQU", "CON", "REF", "STO"), "request")
ACTS = dict.fromkeys(("EXP-I", "EXP-P", "EXP-S"), Act.ENDORSE)
ACTS |= dict.fromkeys(("REC-S", "REC-E"), Act.RECOMMEND)
ACTS |= dict.fromkeys(("REQ", "CLQ"), Act.ASK)
ACTS |= dict.fromkeys(("RESP", "R-ANS", "OTH"), Act.RESPOND)
BINS = ("less_than", "about_as", "more_than")


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
        require(row["rater_id"])
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
