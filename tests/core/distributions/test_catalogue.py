# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.distributions import CatalogueIds, PlackettLuce, candidate_ids, catalogue
from recsim_tf.core.runs.execution import compiled
from tests.alike import assert_shares
from tests.refusals import assert_refused

POPULARITY = np.array([3.0, 0.0, 1.0, 2.0, 4.0])
NUM_DRAWS = 20_000


def all_draws(replacement, length):
    if replacement:
        return np.array(list(itertools.product(range(5), repeat=length)), np.int32)
    return np.array(list(itertools.permutations(range(5), length)), np.int32)


def ids(num_users=1, length=2, replacement=True, popularity=POPULARITY) -> CatalogueIds:
    return candidate_ids(5, num_users, length, popularity, replacement, tf.float64)


@pytest.mark.parametrize("replacement", [True, False])
def test_draws_have_the_frequencies_of_their_probabilities(replacement):
    distribution = ids(NUM_DRAWS, 3, replacement)
    draws = all_draws(replacement, 3)
    expected = np.exp(ids(1, 3, replacement).log_prob(draws[:, np.newaxis]))[:, 0]
    np.testing.assert_allclose(expected.sum(), 1, rtol=1e-12)
    drawn = random.sample(distribution, random.as_seed(1))
    assert (drawn.shape, drawn.dtype) == ([NUM_DRAWS, 3], tf.int32)
    for some in (drawn.numpy(), ids(1, 3, replacement).sample(NUM_DRAWS, seed=2).numpy()[:, 0]):
        frequencies = np.array([(some == draw).all(axis=1).mean() for draw in draws])
        assert_shares(frequencies, expected, NUM_DRAWS)


@pytest.mark.parametrize("popularity", [POPULARITY, np.stack([POPULARITY, 5.0 - POPULARITY])])
@pytest.mark.parametrize("replacement", [True, False])
def test_draws_for_few_users_are_those_by_bisection(monkeypatch, popularity, replacement):
    distribution = ids(2, 4, replacement, popularity)
    drawn = []
    for few in (catalogue._FEW, 0):
        monkeypatch.setattr(catalogue, "_FEW", few)
        draw = compiled(lambda: distribution.sample(300, seed=3))
        drawn.append(draw())
    np.testing.assert_array_equal(*drawn)


def test_without_replacement_the_probabilities_are_those_of_plackett_luce():
    draws = all_draws(False, 3)[:, np.newaxis]
    expected = PlackettLuce(np.log(POPULARITY + 1e-300)[np.newaxis], 3).log_prob(draws)
    possible = (draws != 1).all(axis=2)
    log_prob = ids(length=3, replacement=False).log_prob(draws)
    np.testing.assert_allclose(log_prob[possible], expected[possible], rtol=1e-12)
    np.testing.assert_array_equal(log_prob[~possible], -np.inf)


def test_all_items_can_be_drawn_without_replacement():
    popularity = np.array([1e-12, 1.0, 1e6, 3.0, 1e-12])
    distribution = ids(1000, 5, replacement=False, popularity=popularity)
    drawn = random.sample(distribution, random.as_seed(3))
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.tile(np.arange(5), [1000, 1]))
    assert np.isfinite(distribution.log_prob(drawn)).all()
    assert (drawn.numpy()[:, 0] == 2).mean() > 0.99


def test_equally_likely_items_without_replacement():
    distribution = candidate_ids(5, NUM_DRAWS, 3, replacement=False)
    drawn = random.sample(distribution, random.as_seed(4)).numpy()
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
    frequencies = np.bincount(drawn.ravel(), minlength=5) / NUM_DRAWS
    assert_shares(frequencies, 0.6, NUM_DRAWS)
    np.testing.assert_allclose(distribution.log_prob(drawn), -np.log(60), rtol=1e-6)
    assert distribution.log_prob(drawn).dtype == tf.float32


@pytest.mark.parametrize("replacement", [True, False])
def test_each_user_may_have_popularities_of_their_own(replacement):
    rows = np.array([POPULARITY, POPULARITY[::-1]])
    both = ids(2, 2, replacement, rows)
    drawn = both.sample(50, seed=6)
    for row, popularity in enumerate(rows):
        np.testing.assert_allclose(
            both.log_prob(drawn)[:, row],
            ids(1, 2, replacement, popularity).log_prob(drawn[:, row : row + 1])[:, 0],
            rtol=1e-12,
        )
    assert np.isfinite(both.log_prob(drawn)).all()
    np.testing.assert_array_equal(
        random.sample(both, random.as_seed(7))[0],
        random.sample(ids(2, 2, replacement, rows[0]), random.as_seed(7))[0],
    )


@pytest.mark.parametrize("replacement", [True, False])
def test_values_side_by_side_give_the_same_users_the_same_draws(replacement):
    alone = random.sample(ids(3, 2, replacement), random.as_seed(9))
    with random.paired(2):
        drawn = random.sample(ids(6, 2, replacement), random.as_seed(9))
    np.testing.assert_array_equal(drawn, np.tile(alone, [2, 1]))


@pytest.mark.parametrize("replacement", [True, False])
def test_gradients_with_respect_to_popularity_are_those_of_finite_differences(replacement):
    draws = tf.constant([[0, 3], [4, 2]])

    def log_prob(popularity):
        return ids(2, 2, replacement, popularity).log_prob(draws)

    theory, numbers = tf.test.compute_gradient(log_prob, [tf.constant(POPULARITY)])
    np.testing.assert_allclose(theory[0], numbers[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("draw", [[1, 0], [-1, 0], [0, 5], [0, 0]])
def test_impossible_draws_have_probability_zero_and_a_zero_gradient(draw):
    popularity = tf.constant(POPULARITY)
    with tf.GradientTape() as tape:
        tape.watch(popularity)
        log_prob = ids(1, 2, False, popularity).log_prob([draw])
    assert log_prob == -np.inf
    np.testing.assert_array_equal(tape.gradient(log_prob, popularity), np.zeros(5))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_large_catalogue_is_drawn_in_a_graph(jit_compile):
    num_items, num_users = 50_000, 200
    popularity = 1 / np.arange(1.0, num_items + 1)

    @compiled(jit_compile=jit_compile)
    def draw(seed):
        drawn = [
            random.sample(candidate_ids(num_items, num_users, 10, popularity, replacement), seed)
            for replacement in (True, False)
        ]
        distribution = candidate_ids(num_items, num_users, 10, popularity, False)
        return *drawn, distribution.log_prob(drawn[1])

    with_replacement, without, log_prob = draw(random.as_seed(8))
    assert (np.diff(np.sort(without, axis=1), axis=1) > 0).all()
    assert np.isfinite(log_prob).all()
    # The first id is drawn from all items either way.
    np.testing.assert_array_equal(with_replacement[:, 0], without[:, 0])
    share = popularity[:100].sum() / popularity.sum()
    drawn = with_replacement.numpy()
    assert_shares((drawn < 100).mean(), share, drawn.size)


def test_arguments_are_checked():
    assert_refused(
        lambda: candidate_ids(5, 1, 6, replacement=False),
        "num_candidates must be at most num_items=5 without replacement, got 6",
    )
    message = r"popularity must have shape \[num_items=5\], or one"
    assert_refused(lambda: candidate_ids(5, 1, 2, [1.0, 2.0]), message)
    few = [0.0, 1.0, 0.0, 0.0, 1.0]
    assert_refused(
        lambda: candidate_ids(5, 2, 3, [[1.0] * 5, few], replacement=False),
        "popularity must be positive for at least num_candidates=3 items, got 2",
    )
    candidate_ids(5, 1, 3, few, replacement=True)
