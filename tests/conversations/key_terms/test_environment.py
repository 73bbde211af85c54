import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations.key_terms import KeyTermDocuments, KeyTermUsers, key_terms
from recsim_tf.core.execution import compiled
from recsim_tf.core.random import as_seed


def test_defaults_are_fifty_arms_and_all_key_terms():
    simulator = recsim_tf.make("KeyTerms-v0")
    state = simulator.reset(4, seed=0)
    observation = simulator.observe(state)
    assert observation.user.shape == [4, 0]
    np.testing.assert_array_equal(
        np.sum(observation.documents.is_key_term, axis=1), np.full(4, 500)
    )
    assert observation.documents.features.shape == [4, 550, 50]
    # Every probability is in range without the clip.
    probs = simulator.users.scores(state.user, observation.documents).numpy()
    assert ((probs >= 0) & (probs <= 1)).all()
    state, transition = simulator.step(state, [[0], [49], [50], [549]], seed=1)
    np.testing.assert_array_equal(transition.response.asked[:, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(state.user.rounds, [1, 1, 0, 0])


def test_questions_earn_nothing_and_do_not_shorten_a_session():
    """Each item is liked for certain; every second step is a question."""
    features = np.tile([[0.0, 1e6]], [5, 1])
    simulator = key_terms(
        KeyTermUsers(2, num_rounds=3), KeyTermDocuments(3, 2, 2, 3, features), num_candidates=5
    )

    def policy(observation, policy_state, seed):
        del seed
        asks = tf.cast(tf.equal(observation.response.asked[:, 0], 0), tf.int32)
        return 3 * asks[:, tf.newaxis], policy_state

    trajectory = compiled(lambda seed: simulator.rollout(policy, 2, 8, seed))(as_seed(0))
    transitions = trajectory.transitions
    np.testing.assert_array_equal(transitions.response.answer[:4, 0, 0], [1, 0, 1, 0])
    np.testing.assert_array_equal(transitions.reward[:, 0], [0, 1, 0, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(transitions.terminated[:, 0], np.arange(8) == 5)
