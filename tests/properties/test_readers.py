"""Readers of logs find what their documentation says, or refuse a fault in one line: nothing else,
and nothing without a word. `references` says what they must find.
"""

import csv
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.conversations import DialogueUsers
from recsim_tf.conversations import logs as conversation_logs
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.logs import (
    from_turns,
    iard_log,
    read_iard,
    read_movie_catalogue,
    read_soft_attributes,
    soft_attributes_log,
)
from recsim_tf.conversations.logs.iard import INTENTS
from recsim_tf.fitting import logs as fitting_logs
from recsim_tf.fitting.logs import (
    from_episodes,
    from_table,
    page_log,
    read_movielens,
    read_movies,
    read_open_bandit,
    stream_episodes,
)
from recsim_tf.language import Grammar, Vocabulary
from recsim_tf.policies import random_policy
from tests.properties import references
from tests.properties.damage import file_of, json_of, one_line
from tests.properties.references import found_or_none

NUM_EXAMPLES = 2000 if settings.get_current_profile_name() == "smoke" else 50
# Names in `__all__` that read nothing: records, options, and what is made of a log or a catalogue.
NO_READERS = {"SessionLog", "SessionStream", "TableVisits", "trained_weights"}
NO_READERS |= {"movielens_items", "movielens_users"}
SUBJECTS: set[str] = set()


def reads(*readers: Callable) -> Callable:
    """A decorator: the test is about these readers."""
    SUBJECTS.update(reader.__name__ for reader in readers)

    def decorated(test: Callable) -> Callable:
        return settings(max_examples=NUM_EXAMPLES)(given(data=st.data())(test))

    return decorated


def read_or_none(read: Callable[[], Any], expected: Any, *names: str) -> Any:
    """What was read. None where the reader refuses, as it must where nothing is expected, in one
    line that a terminal can show and that has one of the names.
    """
    try:
        found = read()
    except (ValueError, FileNotFoundError) as error:
        message = one_line(error)
        assert message.isprintable(), message
        assert any(name in message for name in names), message
        assert expected is None, message
        return None
    assert expected is not None, "a fault was read"
    return found


def test_every_reader_has_a_property():
    named = {*conversation_logs.__all__, *fitting_logs.__all__, episodes.read.__name__}
    assert named - NO_READERS == SUBJECTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("read")


# Dialogues.


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


# Files of separated values.


def damaged_table(draw, header: list[str], rows: list[list[str]], cells: dict[str, tuple]):
    """A header and rows, in which some cells are others, by their column, or of another shape."""
    header, rows = list(header), [list(row) for row in rows]
    kind = draw(st.sampled_from(("cells", "cells", "cells", "none", "order", "shape")))
    for _ in range(draw(st.integers(1, 2)) if kind == "cells" else 0):
        column = draw(st.sampled_from(sorted(cells)))
        row = draw(st.sampled_from(rows))
        row[header.index(column)] = draw(st.sampled_from(cells[column]))
    if kind == "order":
        rows = draw(st.permutations(rows))
        order = draw(st.permutations(range(len(header))))
        header, rows = [header[i] for i in order], [[row[i] for i in order] for row in rows]
    if kind == "shape":
        change = draw(st.sampled_from(("no rows", "short", "long", "renamed", "twice", "more")))
        column = draw(st.integers(0, len(header) - 1))
        if change == "no rows":
            rows = []
        elif change == "short":
            draw(st.sampled_from(rows)).pop()
        elif change == "long":
            draw(st.sampled_from(rows)).append("1")
        elif change == "renamed":
            header[column] = "x\x1b[2J"
        else:
            header.append(header[column] if change == "twice" else "more")
            rows = [[*row, "1"] for row in rows]
    return header, rows


def written(path, header: list[str], rows: list[list[str]], **options):
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        csv.writer(file, **options).writerows([header, *rows])


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


# Turns.

MISSING = (None, math.nan)
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
    log, replies = found.log, alphabet(2, 2)
    assert list(map(str, found.session_ids)) == list(map(str, expected))
    for session, turns in enumerate(expected.values()):
        assert log.length[session] == len(turns)
        assert log.departed[session] == turns[0][-1]
        for step, (act, items, asked, mode, value, dwell, words, _) in enumerate(turns):
            at = (session, step)
            # pandas makes floats of numbers, where a cell of their column is empty.
            shown = [
                str(found.item_ids[item]).removesuffix(".0") if is_shown else None
                for item, is_shown in zip(log.documents[at], log.shown[at], strict=True)
            ]
            assert shown == [None if item is None else str(item) for item in items]
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
    text = "" if references.is_empty(cell) else str(cell)
    if name == "said":
        return text
    return None if text in references.EMPTY else text


# Impressions.

IMPRESSIONS = {
    "session": ("a", "b", ["a"], *MISSING),
    "step": (0, 1, "1", 1.0, 0.5, math.inf, "x", *MISSING),
    "position": (0, 1, 2, -1, 0.5, 10**30, "1", "x", *MISSING),
    "document": ("d0", "d9", 7, ["d0"], *MISSING),
    "clicked": (0, 1, "true", False, 2, "yes", *MISSING),
    "engagement": (0.5, 1e300, math.inf, "x", 1e-60, *MISSING),
    "propensity": (0.25, 1, 0, 1e-60, 2, "x", *MISSING),
    "departed": (0, 1, "x", *MISSING),
}
SLATES = [
    ("a", 0, 0, "d0", 1, 1.5, 0.25, 1),
    ("a", 0, 1, "d1", 0, None, 0.25, 1),
    ("a", 1, 0, "d2", 0, None, 0.5, 1),
    ("b", 0, 1, "d1", 1, 0.5, 0.5, 0),
    ("b", 2, 0, "d0", 0, None, 1.0, 0),
    ("b", 2, 1, "d2", 0, None, 1.0, 0),
]
OF_TABLES = {
    "document_ids": (("d0", "d0"), "d0", (None,), np.zeros([1, 1]), ("d0",)),
    "slate_size": (0, 1, 2.5, True),
    "attributes": ("engagement", ("propensity", "propensity"), ("x",), 5),
    "first_position": (None, 0.5, 3, True),
    "departed": ("yes", None, 1),
    "multiple_clicks": ("no", 0),
    "drop_invalid": ("yes", None),
    "columns": ({}, None, "session", {"session": "session"}),
}


@reads(from_table)
def test_tables_are_read_as_they_are(data):
    rows = [dict(zip(IMPRESSIONS, row, strict=True)) for row in SLATES]
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from(sorted(IMPRESSIONS)))
        data.draw(st.sampled_from(rows))[name] = data.draw(st.sampled_from(IMPRESSIONS[name]))
    rows = data.draw(st.permutations(rows))
    table = pd.DataFrame(rows, dtype=object)
    arguments: dict[str, Any] = {"columns": {name: name for name in IMPRESSIONS}}
    changed = data.draw(st.sampled_from((None,) * 9 + tuple(OF_TABLES)))
    if changed is not None:
        arguments[changed] = data.draw(st.sampled_from(OF_TABLES[changed]))
    expected = None
    if changed is None:
        expected = found_or_none(lambda: references.impressions(rows))
    names = ("row", "column", changed or "row")
    found = read_or_none(lambda: from_table(table, **arguments), expected, *names)
    if found is None:
        return
    log, size = found.log, found.log.slate_size
    assert list(found.session_ids) == list(expected)
    for session, slates in enumerate(expected.values()):
        assert log.length[session] == len(slates)
        assert log.departed[session] == slates[0][-1]
        for step, (documents, chosen, engagement, propensity, _) in enumerate(slates):
            at = (session, step)
            ids = found.document_ids[log.documents[at]]
            assert {int(p): ids[p] for p in np.flatnonzero(log.shown[at])} == documents
            assert log.response[at] == (size if chosen is None else chosen)
            assert chosen is None or found.engagement[at][chosen] == engagement
            assert log.propensity[at] == propensity


# Films.

FILMS = 4
RATINGS = [
    [str(user), str(film), str(1 + (user * film + user // 2) % 5), str(880 + film)]
    for user in range(1, 7)
    for film in range(1, FILMS + 1)
    if (user + film) % 5
]
MOVIES = [
    [str(film), f"Film {film}", "1990", "Sad Long" if film < 3 else "War"] for film in (1, 2, 3, 4)
]
NUMBERS = (
    "",
    "x",
    "nan",
    "inf",
    "1e400",
    "-1",
    "0",
    "0.5",
    "2",
    "2.0",
    "9" * 400,
    "[]",
    "1682",
    "1683",
)
OF_RATINGS = dict.fromkeys(("user_id", "item_id", "rating", "timestamp"), NUMBERS)
OF_MOVIES = {
    "item_id": NUMBERS,
    "release_year": (*NUMBERS, "1990"),
    "class": ("", "18", "Sad", "None"),
}
TABS = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None, "escapechar": "\\"}


def films(draw, folder):
    """Two files of films, each with its header and rows, of which one may be damaged."""
    files = {"ml-100k.inter": (["user_id", "item_id", "rating", "timestamp"], RATINGS)}
    files["ml-100k.item"] = (["item_id", "movie_title", "release_year", "class"], MOVIES)
    name = draw(st.sampled_from(sorted(files)))
    cells = OF_RATINGS if name.endswith("inter") else OF_MOVIES
    files[name] = damaged_table(draw, *files[name], cells)
    for other, (header, rows) in files.items():
        written(folder / other, header, rows, **TABS)
    ratings = found_or_none(lambda: references.ratings(*files["ml-100k.inter"]))
    movies = found_or_none(lambda: references.movies(*files["ml-100k.item"]))
    return ratings, movies


@reads(read_movielens, read_movies)
def test_films_are_read_as_they_are(folder, data):
    ratings, movies = films(data.draw, folder)
    path = folder / "ml-100k.inter"
    log = read_or_none(lambda: read_movielens(path, num_negatives=2), ratings, "column", path.name)
    if log is not None:
        chosen = np.take_along_axis(log.log.documents, log.log.response[..., np.newaxis], axis=2)
        active = log.log.active
        of_users = np.broadcast_to(log.user_ids[:, np.newaxis], active.shape)
        columns = (of_users, chosen[..., 0] + 1, log.rating, log.timestamp)
        found = sorted(zip(*(column[active].tolist() for column in columns), strict=True))
        assert found == sorted((u, m, float(np.float32(stars)), t) for u, m, stars, t in ratings)
    path = folder / "ml-100k.item"
    features = read_or_none(lambda: read_movies(path), movies, "column", path.name)
    if features is not None:
        for movie in range(1, 1683):
            genres, year = movies.get(movie, (set(), 0))
            names = np.array(features.genre_names)[features.genres[movie - 1]]
            assert set(names) == genres
            assert features.release_year[movie - 1] == year


@reads(read_movie_catalogue)
def test_a_catalogue_of_films_is_finite_or_refused(folder, data):
    ratings, movies = films(data.draw, folder)
    most = data.draw(st.sampled_from((1, 1, 2, 3)))
    least, num_factors = (
        data.draw(st.sampled_from((1, 3, 30))),
        data.draw(st.sampled_from((1, 2, 9))),
    )
    arguments = (folder, num_factors, least)
    try:
        found = read_movie_catalogue(*arguments, min_movies=most)
    except ValueError as error:
        message = one_line(error)
        assert message.isprintable()
        is_file = any(name in message for name in ("ml-100k.", "column"))
        assert is_file or any(
            name in message for name in ("min_ratings", "num_factors", "min_movies")
        )
        return
    assert ratings is not None
    assert movies is not None
    counts = np.bincount([movie for _, movie, _, _ in ratings], minlength=1683)
    kept = np.flatnonzero(counts >= least)
    np.testing.assert_array_equal(found.movie_ids, kept)
    rated = [(movie, stars) for _, movie, stars, _ in ratings if movie in kept]
    mean = np.mean([stars for _, stars in rated])
    bias = [sum(stars - mean for movie, stars in rated if movie == each) for each in kept]
    np.testing.assert_allclose(found.bias, bias / (counts[kept] + 0.8), rtol=1e-5, atol=1e-6)
    assert np.isfinite(found.factors).all()
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=-1), 1, rtol=1e-5)
    for name in found.genre_names:
        assert most <= sum(name in movies.get(movie, ({}, 0))[0] for movie in kept) < len(kept)


# The Open Bandit Dataset.

USERS = [f"user_feature_{number}" for number in range(4)]
ITEMS = [f"item_feature_{number}" for number in range(4)]
SCORES = ["user-item_affinity_0", "user-item_affinity_1"]
LOGGED = ["timestamp", "item_id", "position", "click", "propensity_score", *USERS, *SCORES]
TIME = "2019-11-24 00:00:00+00:00"
OF_LOGGED = {
    "timestamp": (TIME, "x", "", "2020-13"),
    **dict.fromkeys(("item_id", "position", "click", "propensity_score", *SCORES), NUMBERS),
    **dict.fromkeys(USERS, ("a", "", "NA", "7")),
}
OF_ITEMS = {"item_id": NUMBERS, **dict.fromkeys(ITEMS, ("0.5", "", "a", "inf"))}


@reads(read_open_bandit, page_log)
def test_bandit_logs_are_read_as_they_are(folder, data):
    place = folder / "random" / "all"
    place.mkdir(parents=True, exist_ok=True)
    rows = [
        [TIME, "0", "1", "0", "0.25", "a", "b", "c", "d", "0", "1"],
        [TIME, "1", "3", "1", "0.5", "a", "e", "c", "d", "0.5", "2"],
    ]
    files = {"all.csv": (LOGGED, rows)}
    files["item_context.csv"] = (
        ["item_id", *ITEMS],
        [["1", "0.5", "a", "b", "c"], ["0", "1.5", "d", "b", "c"]],
    )
    name = data.draw(st.sampled_from(sorted(files)))
    cells = OF_LOGGED if name == "all.csv" else OF_ITEMS
    files[name] = damaged_table(data.draw, *files[name], cells)
    for other, (header, rows) in files.items():
        written(place / other, header, rows)
    expected = found_or_none(
        lambda: references.bandit(*files["all.csv"], *files["item_context.csv"])
    )
    found = read_or_none(lambda: read_open_bandit(folder), expected, "column", name)
    if found is None:
        return
    propensity = found.log.propensity[:, 0]
    columns = (found.item, found.position, found.clicked, propensity, found.affinity)
    assert list(zip(*columns, strict=True)) == expected
    most = data.draw(st.sampled_from((0, 2, -1, 0.5, None)))
    is_most = type(most) is int and most >= 0
    log = read_or_none(lambda: page_log(found, most), is_most or None, "max_affinity")
    if log is not None:
        np.testing.assert_array_equal(np.argmax(log.shown[:, 0], axis=1), found.position)
        np.testing.assert_array_equal(log.documents[log.shown], found.item)
        np.testing.assert_array_equal(log.response[log.shown], found.clicked)
        np.testing.assert_array_equal(
            log.hidden[log.shown], np.minimum(np.rint(found.affinity), most)
        )


# Episode files.


@pytest.fixture(scope="module")
def recorded(folder):
    """A simulator, and the records of a file of its sessions."""
    simulator = recsim_tf.interest_exploration(slate_size=2, num_candidates=4, max_steps=4)
    path = folder / "log.tfrecord"
    episodes.write(path, simulator, simulator.rollout(random_policy(simulator), 3, 4, 0))
    return simulator, [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


VALUES = {
    "float_list": (0.5, -1.0, math.nan, math.inf, 1e-42, 3e38),
    "int64_list": (0, 1, 2, 3, -1, -7, 77, 2**40),
    "bytes_list": (b"", b"x"),
}


def damaged_episodes(draw, records: list[bytes]) -> list[bytes]:
    """Records, some of which are missing or twice, or hold another value, or one more or less."""
    kind = draw(st.sampled_from(("value", "value", "value", "none", "removed", "order", "unknown")))
    if kind == "removed":
        gone = draw(st.integers(0, len(records) - 1))
        return records[:gone] + records[gone + 1 :]
    if kind == "order":
        return draw(st.permutations(records))
    index = draw(st.integers(0, len(records) - 1))
    example = tf.train.SequenceExample.FromString(records[index])
    lists = example.feature_lists.feature_list
    if kind == "unknown":
        lists["x\x1b[2J"].feature.add().int64_list.value.append(1)
    if kind == "value":
        name = draw(st.sampled_from(sorted(lists)))
        feature = draw(st.sampled_from(list(lists[name].feature)))
        values = getattr(feature, feature.WhichOneof("kind")).value
        if not values:
            return records
        change = draw(st.sampled_from(("one more", "one less", "another", "another", "another")))
        if change == "one more":
            values.append(values[-1])
        elif change == "one less":
            values.pop()
        else:
            place = draw(st.integers(0, len(values) - 1))
            values[place] = draw(st.sampled_from(VALUES[feature.WhichOneof("kind")]))
    return [*records[:index], example.SerializeToString(), *records[index + 1 :]]


@reads(episodes.read, from_episodes, stream_episodes)
def test_episodes_are_read_as_they_are(folder, recorded, data):
    simulator, records = recorded
    path = folder / "damaged.tfrecord"
    records = damaged_episodes(data.draw, records)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    expected = found_or_none(lambda: references.sessions(records, recorded[1][0]))
    found = read_or_none(lambda: episodes.read(path, simulator), expected, path.name)
    if found is None:
        return
    assert found.num_sessions == len(records)
    log = from_episodes(found)
    assert log.length.tolist() == [len(features["reward"]) for features in expected]
    for session, features in enumerate(expected):
        steps = range(len(features["reward"]))
        slates = [[position >= 0 for position in slate] for slate in features["slate"]]
        assert [log.shown[session, step].tolist() for step in steps] == slates
        choices = [[int(log.response[session, step])] for step in steps]
        assert choices == features["draws/response"]
    pieces = list(stream_episodes(found, 1).pieces())
    assert [int(piece.length[0]) for piece in pieces] == log.length.tolist()
