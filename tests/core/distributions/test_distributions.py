import numpy as np
import pytest
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.distributions import Shared, UniformCategories, num_outcomes


@pytest.mark.parametrize("num_categories", [1, 7, 8192, 8193, 1_000_000])
def test_categories_are_uniform_and_reach_both_ends_of_the_range(num_categories):
    draws = random.sample(UniformCategories(num_categories, [20_000]), random.as_seed(1)).numpy()
    assert draws.dtype == np.int32
    assert draws.shape == (20_000,)
    assert draws.min() >= 0
    assert draws.max() < num_categories
    # A tenth of the range holds a tenth of the draws, within 4 standard errors.
    tenths = np.histogram(draws, bins=np.linspace(0, num_categories, 11))[0] / len(draws)
    expected = np.diff(np.ceil(np.linspace(0, num_categories, 11))) / num_categories
    assert (
        np.abs(tenths - expected) <= 4 * np.sqrt(expected * (1 - expected) / len(draws)) + 1e-12
    ).all()


@pytest.mark.parametrize("num_categories", [4, 10_000])
def test_log_prob_is_that_of_equal_probabilities_and_minus_infinity_outside(num_categories):
    distribution = UniformCategories(num_categories, [2], tf.float64)
    log_prob = distribution.log_prob([[0, num_categories - 1], [-1, num_categories]])
    assert log_prob.dtype == tf.float64
    np.testing.assert_allclose(log_prob[0], [-np.log(num_categories)] * 2, rtol=1e-12)
    np.testing.assert_array_equal(log_prob[1], [-np.inf] * 2)


def test_there_must_be_a_category():
    with pytest.raises(ValueError, match="num_categories must be at least 1, got 0"):
        UniformCategories(0)


def test_more_categories_than_a_float_can_tell_apart_are_all_reached():
    draws = random.sample(UniformCategories(2**26, [20_000]), random.as_seed(1)).numpy()
    assert np.abs(np.bincount(draws % 8, minlength=8) / len(draws) - 1 / 8).max() <= 4 * np.sqrt(
        1 / 8 * 7 / 8 / len(draws)
    )


NUM_USERS = 3


def one_set():
    """A joint distribution of four categories, and of a positive number for each."""

    def size(category):
        return tfd.Independent(tfd.LogNormal(tf.cast(category, tf.float32), 1.0), 1)

    return tfd.JointDistributionNamed(
        {"category": tfd.Independent(UniformCategories(7, [1, 4]), 1), "size": size}
    )


def test_a_shared_draw_is_one_draw_by_inverse_cdf_in_every_row():
    seed = random.as_seed(1)
    draw, one = random.sample(Shared(one_set(), NUM_USERS), seed), random.sample(one_set(), seed)
    tree.assert_same_structure(draw, one)
    for name, leaf in one.items():
        np.testing.assert_array_equal(draw[name], np.tile(leaf, [NUM_USERS, 1]))


def test_a_shared_draw_is_scored_once_whatever_the_sample_shape():
    shared = Shared(one_set(), NUM_USERS)
    assert shared.batch_shape == shared.batch_shape_tensor().numpy() == [NUM_USERS]
    assert shared.event_shape["size"] == shared.event_shape_tensor()["size"].numpy() == [4]
    draws = shared.sample(5, seed=1)
    assert draws["size"].shape == [5, NUM_USERS, 4]
    log_prob = shared.log_prob(draws).numpy()
    first_rows = tf.nest.map_structure(lambda leaf: leaf[:, :1], draws)
    np.testing.assert_allclose(log_prob[:, :1], one_set().log_prob(first_rows), rtol=1e-6)
    assert log_prob[:, 0].all()
    np.testing.assert_array_equal(log_prob[:, 1:], np.zeros([5, NUM_USERS - 1]))
    np.testing.assert_allclose(
        shared.log_prob(tf.nest.map_structure(lambda leaf: leaf[2], draws)), log_prob[2], rtol=1e-6
    )


def test_the_families_with_finitely_many_outcomes_are_known():
    coin = tfd.Bernoulli(probs=[0.2, 0.3])
    assert num_outcomes(coin) == num_outcomes(tfd.Masked(coin, [True, False])) == 2
    assert num_outcomes(tfd.Categorical(logits=tf.zeros([2, 5]))) == 5
    assert num_outcomes(choice.MultinomialLogit()(tf.zeros([2, 3]))) == 4
    assert num_outcomes(tfd.Normal([0.0, 0.0], 1.0)) is None
