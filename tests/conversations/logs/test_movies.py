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
from tests.fitting.logs.datasets import ml_100k
from tests.fitting.logs.datasets.ml_100k import NUM_FACTORS, NUM_MOVIES, RARE


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
        ({"min_ratings": 161}, "min_ratings must leave movies, got 0 of min_ratings or more"),
        ({"min_movies": 60}, "min_movies must leave a genre, got none with so many movies"),
    ],
)
def test_what_leaves_nothing_is_one_line(written, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_movie_catalogue(written[0], **({"num_factors": NUM_FACTORS} | arguments))
