# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from recipes.soft_attributes import concept_vectors
from recipes.soft_attributes.taggers import RatingsAndTags

from tests.refusals import assert_refused

NUM_FILMS, NUM_FACTORS = 60, 4


@pytest.fixture(scope="module")
def factors():
    return np.random.default_rng(0).standard_normal([NUM_FILMS, NUM_FACTORS]).astype(np.float32)


def tagged(factors, directions, num_users, num_films, threshold=0.3, noise=0.1):
    """Tags of users who mean one of the senses [A, S, F] by each attribute."""
    generator = np.random.default_rng(1)
    num_attributes, num_senses, _ = directions.shape
    senses = generator.integers(num_senses, size=[num_users, num_attributes])
    film = generator.integers(NUM_FILMS, size=[num_users, num_films])
    own = directions[np.arange(num_attributes), senses]
    degree = np.einsum("brf,baf->bra", factors[film], own)
    tags = degree + noise * generator.logistic(size=degree.shape) > threshold
    is_tagged = generator.uniform(size=film.shape) < 0.8
    tags &= is_tagged[..., np.newaxis]
    stars = np.ones_like(film)
    return RatingsAndTags((), film, stars, is_tagged, tags.astype(np.float32))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.slow
def test_directions_thresholds_and_sharpness_are_found_whatever_films_without_tags_say(factors):
    directions = unit(np.array([[[1.0, 2, 0, 0]], [[0, 0, -1.0, 1]]]))
    ratings = tagged(factors, directions, 400, 10)
    noise = np.where(ratings.is_tagged[..., np.newaxis], ratings.tags, 1.0)
    found = concept_vectors(factors, ratings._replace(tags=noise), num_starts=2)
    assert (np.einsum("asf,asf->as", found.directions, directions) > 0.995).all()
    np.testing.assert_allclose(found.thresholds, 0.3, atol=0.03)
    np.testing.assert_allclose(found.sharpness, 10.0, rtol=0.15)
    np.testing.assert_allclose(found.sense_probs, 1.0)


@pytest.mark.slow
def test_users_who_mean_different_things_are_told_apart(factors):
    directions = unit(np.array([[[1.0, 0, 1, 0], [0, 1.0, 0, -1]]]))
    ratings = tagged(factors, directions, 400, 10)
    found = concept_vectors(factors, ratings, num_senses=2)
    cosines = np.einsum("sf,tf->st", directions[0], found.directions[0])
    np.testing.assert_allclose(np.sort(cosines.max(axis=1)), 1.0, atol=0.01)
    np.testing.assert_allclose(found.sense_probs, 0.5, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": np.full([NUM_FILMS, 2], np.nan)}, "factors must be finite, of shape"),
        ({"factors": np.zeros([3, 2])}, r"films must be rows of factors, in \[0, 3\)"),
        ({"is_tagged": np.zeros([20, 5], bool)}, "ratings must have tagged films, got none"),
    ],
)
def test_bad_arguments_are_refused(factors, arguments, message):
    ratings = tagged(factors, np.ones([1, 1, NUM_FACTORS]), 20, 5)
    ratings = ratings._replace(is_tagged=arguments.get("is_tagged", ratings.is_tagged))
    assert_refused(lambda: concept_vectors(arguments.get("factors", factors), ratings), message)
