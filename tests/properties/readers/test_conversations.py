"""Readers of dialogues, judgements and turns."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import recsim_tf
from recsim_tf.conversations import DialogueUsers
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.logs import (
    from_turns,
    iard_log,
    read_iard,
    read_soft_attributes,
    soft_attributes_log,
)
from recsim_tf.conversations.logs.iard import INTENTS
from recsim_tf.language import Grammar, Vocabulary
from tests.properties.damage import file_of, json_of
from tests.properties.readers.reading import MISSING, damaged_table, read_or_none, reads, written
from tests.properties.readers.references import cells
from tests.properties.readers.references import conversations as references
from tests.properties.readers.references.cells import found_or_none


def dialogues(draw):
    """JSON of a few dialogues of a few utterances."""
    found = {}
    for name in draw(st.sampled_from((("7",), ("7", "12"), ("b\x1b[2J", "a")))):
        utterances = {}
        for position in range(1, draw(st.integers(3, 6))):
            role = (
                draw(st.sampled_from(("seeker", "recommender"))) if position > 1 else "recommender"
            )
            known = references.INTENTS if role == "seeker" else references.ACTS
            codes = st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=2, unique=True)
            utterances[f"U{position}"] = {
                "utterance_pos": position,
                "role": role,
                "sub-intent/action": draw(codes),
                "utterance_text": draw(st.sampled_from(("Funny @12 <Up>?", "no &amp; yes", ""))),
            }
        found[name] = {"dialogue_info": utterances}
    return found


POSITIONS = (1, 2, 0, -7, 10**30, 1.5, "2", True, None)
OTHER_CODES = (["OTH", "OTH"], ["SEE?"], [], "OTH", [["OTH"]], ["REC-S", "OTH"])
OTHER_FIELDS = {
    "utterance_pos": POSITIONS,
    "role": ("seeker", "recommender", "Seeker", None, ["seeker"]),
    "sub-intent/action": OTHER_CODES,
    "utterance_text": ("\ud800", "\x1b]0;owned\x07", 5, None),
}


def damaged_dialogues(draw) -> bytes:
    content = dialogues(draw)
    kind = draw(st.sampled_from(("none", "none", "field", "field", "json", "bytes", "twice")))
    if kind == "json":
        content = draw(json_of(content))
    if kind == "field":
        name = draw(st.sampled_from(sorted(content)))
        utterances = content[name]["dialogue_info"]
        each = utterances[draw(st.sampled_from(sorted(utterances)))]
        field = draw(st.sampled_from(sorted(OTHER_FIELDS)))
        each[field] = draw(st.sampled_from(OTHER_FIELDS[field]))
    whole = json.dumps(content).encode()
    if kind == "twice":
        return whole.replace(b'"U2"', b'"U1"', 1)
    return draw(file_of(whole)) if kind == "bytes" else whole


@pytest.fixture(scope="module")
def talkers():
    vocabulary = Vocabulary(["funny", "film"], max_length=3)
    channel = Grammar(vocabulary, alphabet(1, 2).num_symbols)
    users = DialogueUsers(num_attributes=2, channel=channel, are_replies_observed=False)
    return recsim_tf.conversation(users, slate_size=1)


GENRES = {"funny": ("funny",), "scary": ("horror",)}


@reads(read_iard, iard_log)
def test_dialogues_are_read_as_they_are(folder, talkers, data):
    path = folder / "iard.json"
    path.write_bytes(damaged_dialogues(data.draw))
    expected = found_or_none(lambda: references.iard(path.read_bytes()))
    found = read_or_none(lambda: read_iard(path), expected, "iard.json")
    log = read_or_none(lambda: iard_log(path, talkers, GENRES), expected, "iard.json")
    if found is None:
        return
    rows = [
        (
            found.dialogue_ids[name],
            act,
            offers,
            {n for n, has in zip(INTENTS, row, strict=True) if has},
            text,
        )
        for name, act, offers, row, text in zip(
            found.dialogue, found.act, found.num_offers, found.intents, found.texts, strict=True
        )
    ]
    assert rows == expected
    steps = [(act, offers) for _, act, offers, intents, _ in expected for _ in intents]
    of_log = zip(log.query.act[log.active], log.documents[log.active][:, 0], strict=True)
    assert list(of_log) == steps


TITLES = ("Up", "Heat", "300", "None")
LISTS = (
    "",
    '["Heat"]',
    '["Heat", "Heat"]',
    '["Up"]',
    '["None", "300"]',
    "Heat",
    "[1]",
    '[""]',
    "[",
)
LISTS += ('["\\ud800"]', '{"Heat": 1}', "null", "  ")
JUDGEMENTS = {
    "rater_id": ("8", "3", "", "NA", "x"),
    "reference_title": (*TITLES, "", " "),
    "soft_attribute": ("scary", "funny", "NA", "7", ""),
    **dict.fromkeys(references.BINS, LISTS),
}
ROWS_OF_JUDGEMENTS = [
    ["8", "Up", "scary", '["Heat"]', "", '["Coco", "300"]'],
    ["3", "Heat", "funny", "", '["Up"]', ""],
    ["8", "300", "scary", "[]", '["Heat", "Up"]', '["None"]'],
]


@reads(read_soft_attributes, soft_attributes_log)
def test_judgements_are_read_as_they_are(folder, data):
    path = folder / "soft-attributes.csv"
    header, rows = damaged_table(data.draw, list(JUDGEMENTS), ROWS_OF_JUDGEMENTS, JUDGEMENTS)
    written(path, header, rows)
    expected = found_or_none(lambda: references.soft_attributes(header, rows))
    found = read_or_none(lambda: read_soft_attributes(path), expected, "column", path.name)
    if found is None:
        return
    of_titles, of_attributes = np.array(found.titles), np.array(found.attribute_names)
    columns = (
        found.judgement,
        found.rater_ids[found.rater].astype(str),
        of_attributes[found.attribute],
        of_titles[found.reference],
        of_titles[found.film],
        found.relation,
    )
    assert list(zip(*columns, strict=True)) == expected
    sizes = np.bincount(found.judgement)
    size = data.draw(st.sampled_from((None, 0, 1, 2, 4, 5, 10**9, True, "3")))
    is_size = size is None or (type(size) is int and sizes.max() <= size <= len(found.titles))
    log = read_or_none(lambda: soft_attributes_log(found, size), is_size or None, "slate_size")
    if log is not None:
        shown = log.shown[:, 0]
        assert shown.shape[1] == (sizes.max() if size is None else size)
        np.testing.assert_array_equal(shown.sum(axis=1), sizes[sizes > 0])
        np.testing.assert_array_equal(log.documents[:, 0][shown], found.film)
        np.testing.assert_array_equal(log.response[:, 0][shown], found.relation)


TURNS = {
    "user": ("a", "b", 1, *MISSING, ["a"]),
    "turn": (0, 1, 2, "1", 2.0, 0.5, 10**30, math.inf, "x", -4, *MISSING),
    "act": ("ask", "Recommend", 4, "4", 4.0, "sing", 99, -1, *MISSING),
    "reply": ("choose", "ANSWER", "rate", "critique", "refine", 1, "remark", "9", *MISSING),
    "value": (0, 1, 2, 3, "1", -1, 0.5, 1e300, "x", *MISSING),
    "first": ("up", "heat", "x", 7, ["up"], *MISSING),
    "second": ("up", "heat", "x", 7, *MISSING),
    "asked": ("funny", "dark", "loud", "dark\x1b[2J", 5, *MISSING),
    "said": ("no", "\ud800", "None", 7, b"no", ["no"], "\x1b[2J", *MISSING),
    "dwell": (0, 2.5, "1", 1e300, 1e-60, -1, math.inf, "x", *MISSING),
    "left": (0, 1, True, "true", 2, "yes", *MISSING),
}
REPLIES = (("choose", 0, 2.5), ("choose", 2, 0), ("rate", 4, 0), ("nothing", None, 0))
REPLIES += (("answer", 1, 0), ("critique", 3, 0), ("refine", 1, 0))


def damaged_turns(draw) -> list[dict]:
    rows = []
    for step in range(draw(st.integers(1, 4))):
        reply, value, dwell = draw(st.sampled_from(REPLIES))
        rows.append(
            {
                "user": draw(st.sampled_from("ab")),
                "turn": step,
                "act": draw(st.sampled_from(("RECOMMEND", "chips", 4))),
                "reply": reply,
                "value": value,
                "first": "up",
                "second": draw(st.sampled_from(("heat", None))),
                "asked": draw(st.sampled_from(("funny", "dark", None))),
                "said": draw(st.sampled_from(("no", "funny no?", None))),
                "dwell": dwell,
                "left": 1,
            }
        )
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(TURNS)))
        draw(st.sampled_from(rows))[name] = draw(st.sampled_from(TURNS[name]))
    return draw(st.permutations(rows))


ROLES = {"session": "user", "step": "turn", "act": "act", "mode": "reply", "value": "value"}
ROLES |= {"dwell": "dwell", "departed": "left"}
ARGUMENTS = {"items": ("first", "second"), "attributes": ("asked",)}
ARGUMENTS["attribute_names"] = ("funny", "dark")
OTHER_ARGUMENTS = {
    "items": (("first", "first"), "first", (), ("third",), ("first", None), 5, {"first": 1}),
    "attributes": (("asked", "asked"), "asked", ("x",), ("asked",) * 4),
    "attribute_names": (("funny", "funny"), "funny", (), (math.nan,), None),
    "item_ids": (("up", "up"), "up", ("up", None), [["up"]], np.zeros([1, 1])),
    "num_chips": (0, 2.5, True, None),
    "columns": ({**ROLES, "mood": "act"}, {**ROLES, "act": "turn"}, "act", None, {}),
}


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(["no", "funny", "none"], max_length=2)


@reads(from_turns)
def test_turns_are_read_as_they_are(folder, vocabulary, data):
    rows, has_words = damaged_turns(data.draw), data.draw(st.booleans())
    roles = ROLES | ({"words": "said"} if has_words else {})
    arguments = {"columns": roles, **ARGUMENTS, "vocabulary": vocabulary if has_words else None}
    table: Any = pd.DataFrame(rows, dtype=object)
    if data.draw(st.booleans()) and all(map(_is_plain, (v for row in rows for v in row.values()))):
        table = folder / "turns.csv"
        pd.DataFrame(rows, dtype=object).to_csv(table, index=False)
        rows = [{name: _in_csv(name, cell) for name, cell in row.items()} for row in rows]
    changed = data.draw(st.sampled_from((None,) * 9 + tuple(OTHER_ARGUMENTS)))
    if changed is not None:
        arguments[changed] = data.draw(st.sampled_from(OTHER_ARGUMENTS[changed]))
    expected = None
    if changed is None:
        expected = found_or_none(lambda: references.turns(rows, has_words, 2))
    names = ("row", "column", changed or "row")
    found = read_or_none(lambda: from_turns(table, **arguments), expected, *names)
    if found is None:
        return
    log, replies = found, alphabet(2, 2)
    assert list(found.labels.session) == list(expected)
    for session, turns in enumerate(expected.values()):
        assert log.length[session] == len(turns)
        assert log.departed[session] == turns[0][-1]
        for step, (act, items, asked, mode, value, dwell, words, _) in enumerate(turns):
            at = (session, step)
            shown = [
                found.labels.document[item] if is_shown else None
                for item, is_shown in zip(log.documents[at], log.shown[at], strict=True)
            ]
            assert shown == items
            named = None if asked is None else ("funny", "dark").index(asked)
            assert log.query.act[at] == act
            assert log.query.attributes[at].tolist() == [-1 if named is None else named, -1, -1]
            symbol = -1 if value is None else replies.offsets[mode] + value
            if has_words:
                assert log.response.reply.mode[at] == (-1 if mode is None else mode)
                assert log.response.reply.symbol[at] == symbol
                assert log.response.dwell[at] == dwell
                assert log.response.words[at].tolist() == vocabulary.ids(words).numpy().tolist()
            else:
                assert log.response.symbol[at] == symbol
                assert log.response.dwell[at] == (dwell if dwell > 0 else 1)


def _is_plain(cell: Any) -> bool:
    """Whether a cell can be written to a file and read again."""
    return cell is None or (isinstance(cell, str | int | float) and cell != "\ud800")


def _in_csv(name: str, cell: Any) -> Any:
    """A cell as a file of separated values has it."""
    text = "" if cells.is_empty(cell) else str(cell)
    if name == "said":
        return text
    return None if text in cells.EMPTY else text
