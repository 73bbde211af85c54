# SPDX-License-Identifier: Apache-2.0
"""A catalogue of movies for conversations, from ratings whose factors are known."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations import Act, query
from recsim_tf.conversations.logs.movies import (
    movielens_items,
    movielens_users,
    read_movie_catalogue,
)
from tests.logs.datasets import ml_100k
from tests.logs.datasets.ml_100k import NUM_FACTORS, NUM_MOVIES, RARE


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder, and the truth."""
    folder = tmp_path_factory.mktemp("ml-100k")
    truth = ml_100k.write(folder)
    return str(folder), truth


@pytest.fixture(scope="module")
def catalogue(written):
    return read_movie_catalogue(written[0], NUM_FACTORS)


def test_movies_of_few_ratings_and_genres_of_few_movies_are_left_out(catalogue):
    expected = [movie for movie in range(1, NUM_MOVIES + 1) if movie not in RARE]
    np.testing.assert_array_equal(catalogue.movie_ids, expected)
    assert catalogue.genre_names == ("Long", "Sad")
    num_movies = NUM_MOVIES - len(RARE)
    assert (catalogue.bias.shape, catalogue.bias.dtype) == ((num_movies,), np.float32)
    assert catalogue.factors.shape == (num_movies, NUM_FACTORS)
    assert catalogue.directions.shape == (2, 1, NUM_FACTORS)


def test_the_factors_are_found_in_the_scale_of_standard_normal_tastes(written, catalogue):
    kept = catalogue.movie_ids - 1
    bias, factors = written[1].bias[kept], written[1].factors[kept]
    assert np.corrcoef(catalogue.bias, bias)[0, 1] > 0.9
    # Factors are known up to a rotation, and stars up to their ends, which make them smaller.
    found, expected = catalogue.factors @ catalogue.factors.T, factors @ factors.T
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    assert 0.5 < np.trace(found) / np.trace(expected) < 1.1


def test_movies_of_a_genre_lie_in_its_direction(written, catalogue):
    factors = written[1].factors[catalogue.movie_ids - 1]
    np.testing.assert_allclose(np.linalg.norm(catalogue.directions, axis=-1), 1, rtol=1e-5)
    degrees = catalogue.factors @ catalogue.directions[:, 0].T
    for column, factor in enumerate((1, 0)):
        has_genre = factors[:, factor] > 0
        assert degrees[has_genre, column].min() > degrees[~has_genre, column].max() - 0.4
        assert np.mean((degrees[:, column] > 0) == has_genre) > 0.9


def test_users_talk_of_the_genres_of_the_movies(written):
    folder, _ = written
    users, documents = movielens_users(folder, NUM_FACTORS), movielens_items(folder, NUM_FACTORS)
    simulator = recsim_tf.conversation(users, documents)
    assert users.num_attributes == 2
    turn = recsim_tf.Turn(tf.constant([[0, 1, 2]] * 4), query(Act.ASK, [1], num_users=4))
    _, transition = simulator.step(simulator.reset(4, seed=0), turn, seed=1)
    np.testing.assert_array_equal(transition.response.attributes[:, 0], np.ones(4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_ratings": 161}, "min_ratings=161 must leave movies, got at most 1"),
        ({"min_movies": 60}, "min_movies=60 must leave a genre, got none of so many movies"),
    ],
)
def test_what_leaves_nothing_is_one_line(written, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_movie_catalogue(written[0], **({"num_factors": NUM_FACTORS} | arguments))


RATINGS = "user_id\titem_id\trating\ttimestamp\n"
MOVIES = (
    "item_id\tmovie_title\trelease_year\tclass\n1\tOne\t1990\t18\n2\tTwo\t1990\t21\n3\tTwo\t\t18"
)


def rated(stars):
    """Ratings [users, movies] as the file's text."""
    rows = [
        f"{user}\t{movie}\t{rating}\t0"
        for user, row in enumerate(stars)
        for movie, rating in enumerate(row, 1)
    ]
    return RATINGS + "\n".join(rows)


@pytest.mark.parametrize(
    ("ratings", "num_factors", "message"),
    [
        (rated([[1, 5, 2]]), 1, "num_factors must be below the 1 raters, got 1"),
        (rated([[3, 3, 3]] * 9), 1, "ml-100k.inter must identify num_factors=1 tastes"),
        (rated([[1, 5, 2], [5, 1, 3]]) + "\n0\t3\t4\t9", 1, "row 6, column 'item_id' must differ"),
        (rated([[1, 5, 2], [5, 1, 3]]), 3, "num_factors must be below the 3 movies, got 3"),
    ],
)
def test_ratings_that_tell_no_factors_are_refused(tmp_path, ratings, num_factors, message):
    (tmp_path / "ml-100k.inter").write_text(ratings)
    (tmp_path / "ml-100k.item").write_text(MOVIES)
    with pytest.raises(ValueError, match=message):
        read_movie_catalogue(tmp_path, num_factors, min_ratings=1, min_movies=1)


def test_genres_may_be_numbers_and_changed_files_are_read_again(tmp_path):
    (tmp_path / "ml-100k.item").write_text(MOVIES)
    found = []
    for stars in ([[1, 5, 2], [5, 1, 3]], [[1, 5, 2], [5, 1, 4]]):
        (tmp_path / "ml-100k.inter").write_text(rated(stars))
        found.append(read_movie_catalogue(tmp_path, 1, min_ratings=1, min_movies=1))
    assert found[0].genre_names == ("18", "21")
    assert not np.array_equal(found[0].bias, found[1].bias)
