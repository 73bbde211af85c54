# SPDX-License-Identifier: Apache-2.0
"""The Q-network of two towers, on its own and in SlateQ on drifting taste, whose candidates are
observed as ids.
"""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.slate_q import (
    SlateQAgent,
    SlateQNetwork,
    SlateQTargets,
    SlateSelection,
    TwoTowers,
    create_slate_q,
)
from recsim_tf.core.base.types import Clicks, Observation
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.policies.choice_scores import LearnedScores
from tests.agents.experience import bounded, collect, learning

NUM_USERS, NUM_DOCUMENTS, NUM_FEATURES, EMBEDDING_SIZE = 5, 40, 3, 4
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
FEATURES = (
    np.random.default_rng(0).standard_normal([NUM_DOCUMENTS, NUM_FEATURES]).astype(np.float32)
)


def observation_spec(documents) -> Observation:
    return Observation(
        user=bounded([2], -1, 1), documents=documents, response=Clicks(bounded([2], 0, 1))
    )


IDS = bounded([20], 0, NUM_DOCUMENTS - 1, tf.int32)


def observation(num_candidates=20) -> Observation:
    rng = np.random.default_rng(0)
    user = rng.uniform(-1, 1, [NUM_USERS, 2])
    ids = rng.integers(NUM_DOCUMENTS, size=[NUM_USERS, num_candidates])
    return Observation(
        tf.constant(user, tf.float32), tf.constant(ids, tf.int32), Clicks(tf.zeros([NUM_USERS, 2]))
    )


def two_tower(documents=IDS, features=None) -> SlateQNetwork:
    items = functools.partial(TwoTowers, embedding_size=EMBEDDING_SIZE, document_features=features)
    network = SlateQNetwork(observation_spec(documents), (6, 5), items=items)
    network.create_variables()
    rng = np.random.default_rng(1)
    for variable in network.variables:
        variable.assign(rng.standard_normal(variable.shape))
    return network


NETWORKS = {"features": lambda: two_tower(features=FEATURES), "free vectors": two_tower}


def perceptron(network, name, inputs):
    """The perceptron of that name, layer by layer."""
    kernels, biases = (
        [
            variable.numpy()
            for variable in network.variables
            if f"{name}_" in variable.name and f"/{part}" in variable.name
        ]
        for part in ("kernel", "bias")
    )
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
        inputs = np.maximum(inputs @ kernel + bias, 0)
    return inputs @ kernels[-1] + biases[-1]


def document_vectors(network):
    """[D, E + 1], by the plain formula."""
    free = [variable.numpy() for variable in network.variables if "embeddings" in variable.name]
    return np.concatenate(free, axis=1) if free else perceptron(network, "document", FEATURES)


@pytest.mark.parametrize("num_candidates", [1, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_values_are_inner_products_plus_biases_over_the_no_click_value(name, num_candidates):
    network, seen = NETWORKS[name](), observation(num_candidates)
    with tf.GradientTape() as tape:
        (q_items, q_no_click), _ = network(seen)
        loss = tf.reduce_sum(tf.square(q_items))
    gradients = tape.gradient(loss, network.trainable_variables)
    for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name
    user, vectors = seen.user.numpy(), document_vectors(network)[seen.documents]
    no_click = perceptron(network, "no_click", user)
    close(q_no_click, no_click[:, 0])
    products = np.einsum("be,bne->bn", perceptron(network, "user", user), vectors[..., :-1])
    close(q_items, products + vectors[..., -1] + no_click)


def test_documents_observed_as_features_have_the_values_of_their_ids():
    seen = observation()
    features = tf.gather(FEATURES, seen.documents)
    by_features, by_ids = two_tower(bounded(features.shape[1:], -9, 9)), NETWORKS["features"]()
    of_features, of_ids = by_features(seen._replace(documents=features))[0], by_ids(seen)[0]
    tf.nest.map_structure(close, of_features, of_ids)
    xla = compiled(lambda: by_ids(seen)[0], jit_compile=True)()
    tf.nest.map_structure(close, xla, of_ids)


@pytest.mark.parametrize(
    ("documents", "features", "message"),
    [
        (
            tf.TensorSpec([20], tf.int32),
            None,
            r"documents must be features, or ids with bounds 0 and D - 1, got .* bounds \[\]",
        ),
        (
            bounded([20], 0, tf.int32.max, tf.int32),
            None,
            r"documents must be .*, got int32 with bounds \[0, 2147483647\]",
        ),
        (IDS, FEATURES[:-1], r"must have shape \[40, F\], a row for each id, got \(39, 3\)"),
        ((IDS, IDS), FEATURES, "must be None unless documents are observed as one id"),
    ],
)
def test_arguments_of_the_network_are_checked(documents, features, message):
    with pytest.raises(ValueError, match=message):
        TwoTowers(observation_spec(documents), (), document_features=features)


# In SlateQ, on drifting taste.

SLATE_SIZE = 2


def environment_of(num_items=60, num_candidates=30) -> SlateEnvironment:
    users = DriftingTasteUsers(
        NUM_FEATURES, choice_model=choice.MultinomialLogit(no_click_mass=1.0)
    )
    items = Catalogue(num_items, NUM_FEATURES, np.linspace(-1, 1, num_items), ids_only=True)
    sizes = {"slate_size": SLATE_SIZE, "num_candidates": num_candidates}
    return SlateEnvironment(drifting_taste(users, items, **sizes, max_steps=4), 8)


def agent_of(environment, features=True) -> SlateQAgent:
    factors, spec = environment.simulator.documents.factors, environment.observation_spec()
    document_features = factors if features else None
    items = functools.partial(TwoTowers, embedding_size=8, document_features=document_features)
    towers = functools.partial(SlateQNetwork, spec, (16,), items=items)
    agent = SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        towers(),
        learning(tf.keras.optimizers.Adam(0.01)),
        SlateQTargets(gamma=0.9),
        SlateSelection(LearnedScores(towers(relative=False, name="Clicks"))),
    )
    agent.initialize()
    return agent


@pytest.mark.slow
@pytest.mark.parametrize(("features", "jit_compile"), [(True, True), (False, False)])
def test_slate_q_learns_a_batch_of_drifting_taste(features, jit_compile):
    environment = environment_of()
    agent = agent_of(environment, features)
    batch = collect(environment, agent.collect_policy, 2)
    assert batch.observation.documents.shape == [8, 2, 30]
    train = compiled(lambda: agent.train(batch).extra.td_loss, jit_compile=jit_compile)
    losses = [float(train()) for _ in range(60)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
    slates = agent.policy.action(environment.current_time_step()).action.numpy()
    assert slates.shape == (8, SLATE_SIZE)
    assert (slates[:, 0] != slates[:, 1]).all()


def test_slate_q_with_two_towers_comes_from_a_configuration():
    gin.parse_config("""
        SlateQNetwork.items = @TwoTowers
        SlateQNetwork.hidden_units = (8,)
        TwoTowers.embedding_size = 4
        create_slate_q.choice_network = @ClickLogits/SlateQNetwork
        ClickLogits/SlateQNetwork.relative = False
        """)
    environment = environment_of()
    agent = create_slate_q(environment, tf.Variable(0, dtype=tf.int64))
    assert np.isfinite(agent.train(collect(environment, agent.collect_policy, 2)).loss)


def largest(concrete_function):
    """The number of elements, and the name, of the largest tensor of a graph and of the functions
    that it calls; all of them must have static shapes.
    """
    graph = concrete_function.graph.as_graph_def(add_shapes=True)
    inner = (node for function in graph.library.function for node in function.node_def)
    sizes = []
    for node in (*graph.node, *inner):
        for shape in map(tf.TensorShape, node.attr["_output_shapes"].list.shape):
            assert shape.is_fully_defined(), f"{node.name} ({node.op}) has the shape {shape}"
            sizes.append((shape.num_elements(), node.name))
    return max(sizes)


MANY = 2000


@pytest.mark.slow
def test_no_tensor_holds_a_vector_for_each_of_many_candidates():
    environment = environment_of(MANY, MANY)
    agent, time_step = agent_of(environment), environment.current_time_step()

    def simulate(seed):
        state = environment.simulator.reset(8, seed)
        slate = agent.policy.policy(environment.simulator.observe(state), (), seed)[0]
        state, transition = environment.simulator.step(state, slate, seed)
        return environment.simulator.observe(state), transition.reward

    batch = collect(environment, agent.collect_policy, 2)
    for function in (
        compiled(lambda now: agent.policy.action(now).action).get_concrete_function(time_step),
        compiled(simulate).get_concrete_function(tf.TensorSpec([2], tf.int32)),
        compiled(agent.train).get_concrete_function(batch),
    ):
        size, name = largest(function)
        # Vectors of 8 numbers for each candidate of each user would be 8 times as many.
        assert size <= 3 * 8 * MANY, name
