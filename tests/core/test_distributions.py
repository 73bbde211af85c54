import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.distributions import UniformCategories


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
    assert (np.abs(tenths - expected) <= 4 * np.sqrt(expected * (1 - expected) / len(draws)) + 1e-12).all()


def test_a_small_number_of_categories_has_equal_frequencies():
    draws = UniformCategories(5).sample(20_000, seed=3).numpy()
    frequencies = np.bincount(draws, minlength=5) / len(draws)
    assert len(frequencies) == 5
    assert np.abs(frequencies - 0.2).max() <= 4 * np.sqrt(0.2 * 0.8 / len(draws))


@pytest.mark.parametrize("num_categories", [4, 10_000])
def test_log_prob_is_that_of_equal_probabilities_and_minus_infinity_outside(num_categories):
    distribution = UniformCategories(num_categories, [2], tf.float64)
    log_prob = distribution.log_prob([[0, num_categories - 1], [-1, num_categories]])
    assert log_prob.dtype == tf.float64
    np.testing.assert_allclose(log_prob[0], [-np.log(num_categories)] * 2, rtol=1e-12)
    np.testing.assert_array_equal(log_prob[1], [-np.inf] * 2)


@pytest.mark.parametrize("num_categories", [4, 10_000])
def test_shapes(num_categories):
    distribution = UniformCategories(num_categories, [2, 3])
    assert distribution.batch_shape == [2, 3]
    assert distribution.batch_shape_tensor().numpy().tolist() == [2, 3]
    assert distribution.event_shape == []
    assert distribution.sample(5, seed=1).shape == [5, 2, 3]
    assert random.sample(distribution, random.as_seed(0)).shape == [2, 3]
    assert distribution.log_prob(tf.zeros([2, 3], tf.int32)).shape == [2, 3]


def test_there_must_be_a_category():
    with pytest.raises(ValueError, match="num_categories must be at least 1, got 0"):
        UniformCategories(0)


def test_more_categories_than_a_float_can_tell_apart_are_all_reached():
    draws = random.sample(UniformCategories(2**26, [20_000]), random.as_seed(1)).numpy()
    assert np.abs(np.bincount(draws % 8, minlength=8) / len(draws) - 1 / 8).max() <= 4 * np.sqrt(1 / 8 * 7 / 8 / len(draws))
