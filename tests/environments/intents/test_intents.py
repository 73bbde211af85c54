# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.environments.intents import IntentUsers, intents
from recsim_tf.policies import random_policy


def test_the_satisfaction_follows_the_best_document_of_each_slate():
    simulator = intents()
    recsim_tf.check(simulator)
    trajectory = simulator.rollout(random_policy(simulator), 2000, 3, 0)
    states = simulator.replay(trajectory)
    documents = np.concatenate(
        [trajectory.initial.candidates[np.newaxis], trajectory.transitions.draws.candidates[:-1]]
    )
    intent = states.user.intent[0].numpy()
    best = 2 - np.linalg.norm(intent[np.newaxis, :, np.newaxis] - documents, axis=-1).min(axis=-1)
    satisfaction = np.concatenate(
        [np.full([1, 2000], 5.0), trajectory.transitions.draws.innovation.numpy()]
    )
    before = np.concatenate([np.zeros([1, 2000]), best[:-1]])
    residual = satisfaction[1:] - (0.8 * satisfaction[:-1] + best - before)
    assert residual.std() == pytest.approx(0.01, rel=0.05)
    np.testing.assert_allclose(states.user.best[1:], best[:-1], rtol=1e-4, atol=1e-5)


def test_intents_are_around_the_unit_vectors():
    users = IntentUsers()
    draws = recsim_tf.core.random.sample(users.initial_draws(6000), tf.constant([0, 1])).numpy()
    nearest = draws.argmax(axis=1)
    assert np.bincount(nearest) / 6000 == pytest.approx(1 / 3, abs=0.03)
    centred = draws - np.eye(3)[nearest]
    assert centred.std() == pytest.approx(np.sqrt(0.1), rel=0.1)
