# SPDX-License-Identifier: Apache-2.0
"""How far a policy is from a log, where that is known."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.fitting import FittedModel
from recsim_tf.fitting.support import SlateSupport, slate_support
from recsim_tf.logs import from_trajectory
from tests.worlds.clicks import Clickers, Numbers


class Ids(recsim_tf.DocumentModel):
    """Documents 0 to 3, all of them candidates in this order."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(4, num_users, num_candidates, [1e9, 1e6, 1e3, 1.0], replacement=False)

    def observe(self, documents):
        return documents


class SharedIds(Ids):
    shared = True


class Fans(Clickers):
    def response(self, state, slate):
        return recsim_tf.choice.MultinomialLogit(0.0)(
            tf.cast(slate.documents, self.dtype), slate.mask
        )


def showing(*documents):
    def policy(observation, policy_state, seed):
        slates = tf.constant([documents])
        found = tf.argmax(observation.documents[:, tf.newaxis] == slates[..., tf.newaxis], axis=2)
        return tf.cast(found, tf.int32), policy_state

    return policy


@pytest.fixture(scope="module", name="world")
def fixture_world():
    simulator = recsim_tf.Simulator(Fans(), Ids(), 2, 4)
    log = from_trajectory(simulator.rollout(showing(0, 1), 5, 3, 0))
    return simulator, log


@pytest.mark.parametrize(
    ("shown", "expected"),
    [((0, 1), (1, 1, 1)), ((1, 0), (0, 0, 1)), ((0, 2), (0, 0.5, 0.5)), ((2, 3), (0, 0, 0))],
)
def test_the_shares_are_those_of_what_was_logged(world, shown, expected):
    simulator, log = world
    found = slate_support(simulator, showing(*shown), log, num_users=4, num_steps=2)
    assert found == SlateSupport(*expected)
    is_supported = expected[1] == 1
    assert ("never shown" in found.sentence) != is_supported


@pytest.mark.parametrize(
    ("documents", "arguments"),
    [(Ids(), {"num_users": 5}), (SharedIds(), {"users_per_world": 2000})],
)
def test_support_is_known_for_any_number_of_users(world, documents, arguments):
    _, log = world
    simulator = recsim_tf.Simulator(Fans(), documents, 2, 4, **arguments)
    sentence = FittedModel(log=log).support(simulator, showing(0, 1), seed=0)
    assert "has shown 100% of what the policy shows" in sentence


def test_support_is_of_a_simulator(world):
    _, log = world
    with pytest.raises(ValueError, match=r"^simulator must be a Simulator, got Log$"):
        slate_support(log, showing(0, 1), log)


def test_documents_must_be_ids(world):
    simulator = recsim_tf.Simulator(Clickers(), Numbers(), 2, 4)
    policy = recsim_tf.policies.random_policy(simulator)
    log = from_trajectory(simulator.rollout(policy, 5, 3, 0))
    with pytest.raises(ValueError, match="documents must be ids"):
        slate_support(simulator, policy, log, 4, 2)
    np.testing.assert_equal(log.documents.dtype.kind, "f")
