import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.returns import lambda_returns

REWARDS = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
DISCOUNTS = np.array([[0.9, 0.9, 0.9, 0.9], [0.9, 0.0, 0.9, 0.9]])
NEXT_VALUES = np.array([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]])
# The second row's session ends at its second step; what the third frame holds is between sessions.
CONTINUES = np.array([[True, True, True, True], [True, False, False, True]])


def by_definition(td_lambda):
    expected = np.zeros_like(REWARDS)
    for user in range(2):
        following = NEXT_VALUES[user, -1]
        for step in reversed(range(4)):
            weight = td_lambda * CONTINUES[user, step]
            rest = (1 - weight) * NEXT_VALUES[user, step] + weight * following
            following = expected[user, step] = REWARDS[user, step] + DISCOUNTS[user, step] * rest
    return expected


@pytest.mark.parametrize("td_lambda", [0.0, 0.7, 1.0])
def test_returns_are_those_of_the_definition(td_lambda):
    arguments = [tf.constant(argument) for argument in (REWARDS, DISCOUNTS, NEXT_VALUES, CONTINUES)]
    np.testing.assert_allclose(
        lambda_returns(*arguments, td_lambda), by_definition(td_lambda), rtol=1e-12
    )


def test_with_lambda_1_they_are_discounted_sums_and_with_0_one_step_targets():
    arguments = [tf.constant(argument) for argument in (REWARDS, DISCOUNTS, NEXT_VALUES, CONTINUES)]
    np.testing.assert_allclose(
        lambda_returns(*arguments, 1.0)[0, 0], 1 + 0.9 * (2 + 0.9 * (3 + 0.9 * (4 + 0.9 * 40)))
    )
    np.testing.assert_allclose(lambda_returns(*arguments, 0.0), REWARDS + DISCOUNTS * NEXT_VALUES)


def test_they_compile_with_xla():
    arguments = [tf.constant(argument) for argument in (REWARDS, DISCOUNTS, NEXT_VALUES, CONTINUES)]
    compiled = tf.function(lambda_returns, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(*arguments, td_lambda=0.7), by_definition(0.7), rtol=1e-12)
