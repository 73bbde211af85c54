import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.distributions import UniformCategories, impossible, outside
from recsim_tf.core.execution import compiled


def pairs(draw):
    """A choice of three for each row, and a number that depends on it."""
    return tfd.JointDistributionSequential(
        [
            tfd.Categorical(logits=tf.zeros([len(draw[0]), 3])),
            lambda choice: tfd.Normal(tf.cast(choice, tf.float32), 1.0),
        ]
    )


@pytest.mark.parametrize(
    ("distribution", "draw", "expected"),
    [
        (tfd.Categorical(logits=tf.zeros([4, 3])), [0, 2, 3, -1], [0, 0, 1, 1]),
        (tfd.Bernoulli(probs=tf.fill([3], 0.5)), [0, 1, 7], [0, 0, 1]),
        (
            tfd.Independent(tfd.Bernoulli(probs=tf.fill([2, 2], 0.5)), 1),
            [[0, 1], [0, 2]],
            [0, 1],
        ),
        (
            tfd.Masked(tfd.Categorical(logits=tf.zeros([2, 3])), tf.constant([True, False])),
            [7, 7],
            [1, 0],
        ),
        (tfd.Independent(UniformCategories(5, [2, 2]), 1), [[0, 4], [5, 0]], [0, 1]),
        (tfd.Normal(tf.zeros([2]), 1.0), [0.0, np.nan], [0, 0]),
    ],
    ids=["categorical", "Bernoulli", "independent", "masked", "categories", "not finite"],
)
def test_outcomes_that_are_not_there_are_outside(distribution, draw, expected):
    draw = tf.constant(draw, distribution.dtype)
    assert outside(distribution, draw).numpy().tolist() == list(map(bool, expected))


def test_a_part_of_a_joint_draw_is_outside():
    draw = [tf.constant([0, 3, 1]), tf.constant([0.0, 0.0, np.inf])]
    assert outside(pairs(draw), draw).numpy().tolist() == [False, True, False]


def test_draws_without_a_probability_are_impossible_also_in_graphs():
    """Of an interval's ends one has none, which a rounded draw may have."""

    def judge(draw):
        return (
            impossible(tfd.LogNormal(tf.zeros([4]), 1.0), draw),
            impossible(tfd.Uniform(tf.fill([4], 100.0), 101.0), draw + 100),
        )

    draw = tf.constant([1.0, -1.0, 0.0, np.nan])
    for function in (judge, compiled(judge)):
        log_normal, uniform = function(draw)
        assert log_normal.numpy().tolist() == [False, True, False, True]
        assert uniform.numpy().tolist() == [False, True, False, True]
