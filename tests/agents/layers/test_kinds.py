# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.full_slate_q import TopicSetQNetwork, create_full_slate_q
from recsim_tf.agents.layers import FixedLengthHistory, Kinds, LayeredSimulator, serve
from recsim_tf.agents.reinforce import create_reinforce
from recsim_tf.agents.shared.kinds import features_of
from recsim_tf.agents.shared.networks import SlateNetwork
from recsim_tf.agents.slate_q import SessionQNetwork, SlateQNetwork, TwoTowers, create_slate_q
from recsim_tf.environments.drifting_taste import Catalogue
from recsim_tf.environments.interest_evolution import PlainVideos
from tests.refusals import assert_refused

NAMES = ("InterestEvolution-v1", "PageClicks-v0", "DriftingTaste-v0")


def made(name="InterestEvolution-v1", **options):
    return recsim_tf.make(name, slate_size=2, num_candidates=5, **options)


def in_kinds(simulator):
    return LayeredSimulator(simulator, Kinds(simulator))


@pytest.mark.parametrize("name", NAMES)
def test_kinds_tell_all_that_an_agent_sees_of_documents(name):
    simulator = made(name)
    layered = in_kinds(simulator)
    spec = layered.observation_spec().documents
    state = layered.reset(7, seed=1)
    below, kinds = simulator.observe(state.below).documents, layered.observe(state).documents
    assert kinds.dtype == spec.dtype == tf.int32
    assert kinds.shape[1:] == spec.shape
    tf.nest.map_structure(np.testing.assert_array_equal, features_of(kinds, spec), below)
    # A policy that is served meets features.
    augmented = layered.layer.augment((), simulator.observe(state.below))
    np.testing.assert_array_equal(augmented.documents, kinds)
    np.testing.assert_array_less(kinds, spec.num_kinds)


def session_q(spec):
    return SessionQNetwork(spec)


def towers(spec):
    return SlateQNetwork(spec, items=lambda *parts: TwoTowers(*parts))


class Own(SlateNetwork):
    """A network of one's own, that sees features."""

    reads_kinds = False

    def __init__(self, spec, name="Own"):
        super().__init__(spec, name)
        self.learns_no_click = True
        self._layer = tf.keras.layers.Dense(1)

    def _outputs(self, users, documents):
        assert documents.dtype.is_floating
        q_items = tf.squeeze(self._layer(documents), axis=-1)
        return q_items, tf.reduce_sum(users, axis=1)


def slate_q(network):
    def create(environment):
        return create_slate_q(environment, tf.Variable(0, dtype=tf.int64), network)

    return create


AGENTS = {
    "slate_q": slate_q(SlateQNetwork),
    "items alone": slate_q(lambda spec: SlateQNetwork(spec, items_see_user=False)),
    "towers": slate_q(towers),
    "own": slate_q(Own),
    "full": lambda environment: create_full_slate_q(environment, tf.Variable(0, dtype=tf.int64)),
    "sets": lambda environment: create_full_slate_q(
        environment, tf.Variable(0, dtype=tf.int64), TopicSetQNetwork
    ),
    "reinforce": lambda environment: create_reinforce(environment, tf.Variable(0, dtype=tf.int64)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_of_kinds_is_the_agent_of_features(name):
    """Weights for weights, and slate for slate."""
    simulator = made()
    agents = []
    for source in (simulator, in_kinds(simulator)):
        tf.keras.utils.set_random_seed(3)
        environment = SlateEnvironment(source, 6, seed=2)
        agents.append(AGENTS[name](environment))
        agents[-1].initialize()
    of_features, of_kinds = agents
    for first, second in zip(of_features.variables, of_kinds.variables, strict=True):
        np.testing.assert_array_equal(first, second)
    assert of_kinds.collect_data_spec.observation.documents.dtype == tf.int32
    served = rollout_policy(serve(in_kinds(simulator), of_kinds.policy))
    observation = simulator.observe(simulator.reset(40, seed=5))
    slates = [
        policy(observation, policy.initial_state(40), seed=1)[0]
        for policy in (rollout_policy(of_features.policy), served)
    ]
    np.testing.assert_array_equal(*slates)


def test_kinds_are_the_first_layer_of_documents_that_have_them():
    plain = made(documents=PlainVideos())
    assert_refused(lambda: Kinds(plain), "PlainVideos must have a num_kinds, which is None")
    with pytest.raises(ValueError, match="Catalogue must have one bias for all users"):
        Kinds(made("DriftingTaste-v0", documents=Catalogue(10, bias=np.zeros([6, 10]))))
    simulator = made()
    history = LayeredSimulator(simulator, FixedLengthHistory(2))
    with pytest.raises(ValueError, match="Kinds must be the first layer, got LayeredSimulator"):
        LayeredSimulator(history, Kinds(simulator))


@pytest.mark.parametrize(
    ("create", "network"),
    [(create_slate_q, "SlateQNetwork"), (create_full_slate_q, "FullSlateQNetwork")],
)
def test_a_policy_is_refused_where_it_did_not_learn(create, network):
    simulator = made()
    environment = SlateEnvironment(in_kinds(simulator), 3)
    agent = create(environment, tf.Variable(0, dtype=tf.int64))
    # It acts on kinds, the environment below shows features.
    with pytest.raises(ValueError, match=rf"^{network} was made for documents of int32 \(5,\)"):
        simulator.rollout(rollout_policy(agent.policy), 3, 2, seed=0)
    served = rollout_policy(serve(in_kinds(simulator), agent.policy))
    with pytest.raises(ValueError, match="learned from documents of 1 features of shapes"):
        made("InterestExploration-v1").rollout(served, 3, 2, seed=0)
