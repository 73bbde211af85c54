# SPDX-License-Identifier: Apache-2.0
"""Networks of agents that are callables with variables: models of Keras 3, modules, functions."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.reinforce import create_reinforce
from recsim_tf.agents.slate_q import SlateQTargets, create_slate_q
from recsim_tf.evaluation import Evaluation
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.training import Training
from tests.worlds.clicks import clicks


class Products(keras.layers.Layer):
    """Products of what two layers of Keras 3 make of users and of documents."""

    def __init__(self, *specs):
        super().__init__()
        self._users, self._documents = keras.layers.Dense(4), keras.layers.Dense(4)

    def call(self, observation):
        users, documents = self._users(observation.user), self._documents(observation.documents)
        return tf.linalg.matvec(documents, users)


class Values(keras.Model):
    """Values of items and of no click."""

    def __init__(self, spec):
        super().__init__()
        self._items, self._no_click = Products(), keras.layers.Dense(1)

    def call(self, observation):
        return self._items(observation), self._no_click(observation.user)[:, 0]


class DocumentValues(keras.Model):
    """Values of items and of no click where a document is a number."""

    def __init__(self, spec):
        super().__init__()
        self._items, self._no_click = keras.layers.Dense(1), keras.layers.Dense(1)
        self._dropout = keras.layers.Dropout(0.1)  # It has the state of a random generator.

    def call(self, observation):
        documents = observation.documents[..., tf.newaxis]
        no_click = self._no_click(observation.user[:, tf.newaxis])
        return self._items(self._dropout(documents))[..., 0], no_click[:, 0]


class StateValues(tf.Module):
    """Values of states, as a module of TensorFlow."""

    def __init__(self, spec):
        super().__init__()
        self.weights = tf.Variable(tf.zeros([spec.user.shape[0]]))

    def __call__(self, observation):
        return tf.linalg.matvec(observation.user, self.weights)


# The documents of the first are observed as kinds, those of the second as features.
_SIMULATOR = recsim_tf.interest_evolution(slate_size=2, num_candidates=5)
_CLICKS = clicks(num_candidates=5)
_SLATE_Q = functools.partial(
    create_slate_q, network=Values, targets=SlateQTargets(num_steps=5, update_period=2)
)
_REINFORCE = functools.partial(create_reinforce, actor_network=Products, value_network=StateValues)


def _training(agent, simulator=_SIMULATOR):
    return Training(simulator, agent, num_users=8)


@pytest.mark.parametrize(
    ("simulator", "agent"),
    [
        (_SIMULATOR, _SLATE_Q),
        (_SIMULATOR, _REINFORCE),
        (_CLICKS, functools.partial(_SLATE_Q, network=DocumentValues)),
    ],
)
def test_agents_learn_with_models_of_keras_3_and_are_restored(simulator, agent, tmp_path):
    training = _training(agent, simulator)
    training.run(22)
    before = [variable.numpy() for variable in training.agent.trainable_variables]
    training.run(3)
    after = [variable.numpy() for variable in training.agent.trainable_variables]
    assert len(after) >= 4
    assert all(np.any(old != new) for old, new in zip(before, after, strict=True))
    training.save(tmp_path / "trained")
    restored = _training(agent, simulator)
    restored.run(1)
    restored.restore(tmp_path / "trained")
    for old, new in zip(after, restored.agent.trainable_variables, strict=True):
        np.testing.assert_array_equal(new.numpy(), old)
    judged = [each.evaluate(Evaluation(num_users=20)) for each in (training, restored)]
    assert str(judged[0]) == str(judged[1])


def test_a_policy_of_a_model_of_keras_3_is_differentiated():
    model = Products()
    policy = PlackettLucePolicy.of_logits(model, slate_size=2)
    observation = SlateEnvironment(_SIMULATOR, batch_size=4).reset().observation
    slate, _ = policy(observation, (), 0)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(policy.log_prob(observation, slate))
    gradients = tape.gradient(log_prob, model.trainable_weights)
    assert any(np.any(gradient.numpy() != 0) for gradient in gradients)


_MODEL = Values(None)


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (
            lambda spec: Products(),
            ValueError,
            r"must return q_items \[1, 5\] and q_no_click \[1\], got \[1, 5\]",
        ),
        (lambda spec: _MODEL, ValueError, "must be made anew in each call"),
        (
            lambda spec: (
                lambda observation: (
                    observation.documents[:, :, 0],
                    observation.user[:, 0],
                )
            ),
            TypeError,
            "must have variables, in an attribute `variables`, got none",
        ),
        (
            lambda spec: 5,
            TypeError,
            "must build a network of TF-Agents, or a callable of observations with variables, got"
            " int",
        ),
    ],
)
def test_a_callable_that_is_no_network_is_refused(network, error, message):
    with pytest.raises(error, match=message):
        _training(functools.partial(_SLATE_Q, network=network))
