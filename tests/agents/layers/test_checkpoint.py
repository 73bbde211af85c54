"""Memories of layers are part of the environment that a checkpoint holds."""

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import layers

NUM_USERS = 6
SLATES = ([0, 1], [2, 3], [1, 4], [3, 0])


def environment(seed):
    simulator = recsim_tf.make(
        "InterestExploration-v1", slate_size=2, num_candidates=5, resample_documents=False
    )
    for layer in (
        layers.FixedLengthHistory(3),
        layers.ClusterClickStatistics(),
        layers.SwitchingCost(0.5),
    ):
        simulator = layers.LayeredSimulator(simulator, layer)
    return SlateEnvironment(simulator, NUM_USERS, seed)


def go_on(env, slates):
    return [env.step(tf.constant([slate] * NUM_USERS)) for slate in slates]


def test_an_environment_with_layers_restored_from_a_checkpoint_goes_on_identically(tmp_path):
    one, other = environment(seed=1), environment(seed=2)
    go_on(one, SLATES[:2])
    path = tf.train.Checkpoint(memory=one.memory).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(memory=other.memory).restore(path).assert_consumed()
    expected, got = go_on(one, SLATES[2:]), go_on(other, SLATES[2:])
    tf.nest.map_structure(np.testing.assert_array_equal, got, expected)
    # What was shown before the checkpoint still counts: two documents in each of three steps.
    impressions = got[
        0
    ].observation.user.original_observation.sufficient_statistics.impression_count
    np.testing.assert_array_equal(tf.reduce_sum(impressions, axis=1), np.full(NUM_USERS, 6.0))
