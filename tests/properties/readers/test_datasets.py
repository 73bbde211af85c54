"""Readers of films, Open Bandit and result pages."""

import csv
import math

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from recsim_tf.conversations.logs import read_movie_catalogue
from recsim_tf.logs import (
    page_log,
    read_movielens,
    read_movies,
    read_open_bandit,
    read_result_pages,
)
from tests.properties.damage import one_line
from tests.properties.readers.reading import MISSING, damaged_table, read_or_none, reads, written
from tests.properties.readers.references import datasets as references
from tests.properties.readers.references.cells import found_or_none

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
    columns = (found.item, found.position, found.clicked, found.propensity, found.affinity)
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


IDS = ("b", "a", 7, 7.0, 1e300, 10**30, math.inf, ["a"], *MISSING)
POSITIONS = (0, 1, 1.0, 0.5, 2, -1, 10**30, "1", "x", [0], *MISSING)


@reads(read_result_pages)
def test_result_pages_are_read_as_they_are(data):
    pages = [["b", ["d", "e"], [0]], ["a", ["e", "d"], []], ["b", ["f", "e"], [1, 0]]]
    for _ in range(data.draw(st.integers(0, 2))):
        page = data.draw(st.sampled_from(pages))
        column = data.draw(st.integers(0, 2))
        if column == 0:
            page[0] = data.draw(st.sampled_from(IDS))
        else:
            cells = st.sampled_from(IDS if column == 1 else POSITIONS)
            page[column] = data.draw(st.lists(cells, max_size=3) | st.sampled_from((5, "ab", None)))
    columns = ("query", "documents", "clicked_positions")
    frame = pd.DataFrame(pages, columns=columns, dtype=object)
    expected = found_or_none(lambda: references.result_pages(pages))
    found = read_or_none(lambda: read_result_pages(frame), expected, *columns)
    if found is not None:
        shown = [[found.pairs[pair] for pair in page] for page in found.log.documents[:, 0]]
        clicked = [set(np.flatnonzero(page)) for page in found.log.response[:, 0]]
        assert list(zip(shown, clicked, strict=True)) == expected
