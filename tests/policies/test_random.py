import itertools

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.policies import random_policy
from recsim_tf.policies.random import uniform_slate


def test_random_slates_are_uniform_over_all_slates_without_replacement():
    num_draws = 24_000
    slates = uniform_slate(num_draws, 4, 2, random.as_seed(1))
    assert (slates.dtype, slates.shape) == (tf.int32, [num_draws, 2])
    codes, counts = np.unique(slates.numpy() @ [10, 1], return_counts=True)
    assert codes.tolist() == sorted(10 * i + j for i, j in itertools.permutations(range(4), 2))
    prob = 1 / 12
    assert (np.abs(counts / num_draws - prob) <= 4 * np.sqrt(prob * (1 - prob) / num_draws)).all()


def test_a_random_slate_may_hold_all_candidates():
    assert (np.sort(uniform_slate(50, 5, 5, random.as_seed(2))) == np.arange(5)).all()


def test_the_random_policy_is_decided_by_its_seed():
    pure = interest_evolution(slate_size=2, num_candidates=4)
    observation = pure.observe(pure.reset(8, 0))
    one, same, other = (
        random_policy(pure)(observation, (), random.as_seed(seed)) for seed in (1, 1, 2)
    )
    assert one[1] == ()
    np.testing.assert_array_equal(one[0], uniform_slate(8, 4, 2, random.as_seed(1)))
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])
