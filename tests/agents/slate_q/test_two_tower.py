"""The Q-network of two towers, on its own and in SlateQ on drifting taste, whose candidates are
observed as ids.
"""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import trajectory

from recsim_tf import choice
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.slate_q import SlateQAgent, SlateQTargets, TwoTowerQNetwork, create_slate_q
from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Observation, Slate
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.policies.beliefs import AffinityScores, CatalogueScores
from tests.agents.slate_q.experience import Clicks

NUM_USERS, NUM_DOCUMENTS, NUM_FEATURES, EMBEDDING_SIZE = 5, 40, 3, 4
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
FEATURES = (
    np.random.default_rng(0).standard_normal([NUM_DOCUMENTS, NUM_FEATURES]).astype(np.float32)
)


def observation_spec(documents) -> Observation:
    return Observation(
        user=tensor_spec.BoundedTensorSpec([2], tf.float32, -1, 1),
        documents=documents,
        response=Clicks(tensor_spec.BoundedTensorSpec([2], tf.float32, 0, 1)),
    )


def bounded_ids(low, high):
    return tensor_spec.BoundedTensorSpec([20], tf.int32, low, high)


IDS = bounded_ids(0, NUM_DOCUMENTS - 1)


def observation(num_candidates=20, seed=0) -> Observation:
    rng = np.random.default_rng(seed)
    return Observation(
        user=tf.constant(rng.uniform(-1, 1, [NUM_USERS, 2]), tf.float32),
        documents=tf.constant(
            rng.integers(NUM_DOCUMENTS, size=[NUM_USERS, num_candidates]), tf.int32
        ),
        response=Clicks(tf.zeros([NUM_USERS, 2])),
    )


def two_tower(**arguments) -> TwoTowerQNetwork:
    documents = arguments.pop("documents", IDS)
    network = TwoTowerQNetwork(
        observation_spec(documents),
        **{"hidden_units": (6, 5), "embedding_size": EMBEDDING_SIZE, **arguments},
    )
    network.create_variables()
    rng = np.random.default_rng(1)
    for variable in network.variables:
        variable.assign(rng.standard_normal(variable.shape))
    return network


NETWORKS = {
    "features": lambda **arguments: two_tower(document_features=FEATURES, **arguments),
    "free vectors": two_tower,
}


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
    (q_items, q_no_click), _ = network(seen)
    user, vectors = seen.user.numpy(), document_vectors(network)
    no_click = perceptron(network, "no_click", user)[:, 0]
    close(q_no_click, no_click)
    for row, vector in enumerate(perceptron(network, "user", user)):
        for position, identity in enumerate(seen.documents[row].numpy()):
            expected = vector @ vectors[identity, :-1] + vectors[identity, -1] + no_click[row]
            close(q_items[row, position], expected)


def test_documents_observed_as_features_have_the_values_of_their_ids():
    seen = observation()
    features = tf.gather(FEATURES, seen.documents)
    spec = tensor_spec.BoundedTensorSpec(features.shape[1:], tf.float32, -9, 9)
    by_features, by_ids = two_tower(documents=spec), NETWORKS["features"]()
    of_features, of_ids = by_features(seen._replace(documents=features))[0], by_ids(seen)[0]
    tf.nest.map_structure(close, of_features, of_ids)


def test_a_belief_is_seen_beside_the_user():
    network = two_tower(belief=lambda seen: seen.response.clicked)
    seen = observation()
    (q_items, q_no_click), _ = network(seen)
    (other_items, other_no_click), _ = network(
        seen._replace(response=Clicks(tf.ones([NUM_USERS, 2])))
    )
    assert np.abs(other_no_click - q_no_click).min() > 1e-3
    assert np.ptp((other_items - q_items).numpy(), axis=1).min() > 1e-3


def test_a_zero_no_click_value_is_zero_and_not_learned():
    network = two_tower(no_click="zero")
    np.testing.assert_array_equal(network(observation())[0][1], np.zeros(NUM_USERS))
    assert not network.learns_no_click
    assert two_tower().learns_no_click


@pytest.mark.parametrize("num_candidates", [1, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_all_variables(name, num_candidates):
    network = NETWORKS[name]()
    with tf.GradientTape() as tape:
        (q_items, _), _ = network(observation(num_candidates))
        loss = tf.reduce_sum(tf.square(q_items))
    for variable, gradient in zip(
        network.trainable_variables, tape.gradient(loss, network.trainable_variables), strict=True
    ):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_xla_gives_the_same_values():
    network, seen = NETWORKS["features"](), observation()
    values = compiled(lambda: network(seen)[0], jit_compile=True)()
    tf.nest.map_structure(close, values, network(seen)[0])


@pytest.mark.parametrize(
    ("documents", "arguments", "message"),
    [
        (
            tf.TensorSpec([20], tf.int32),
            {},
            (
                r"documents must be features, or ids with bounds 0 and D - 1, got int32 with bounds"
                r" \[\]"
            ),
        ),
        (
            bounded_ids(0, tf.int32.max),
            {},
            r"documents must be .*, got int32 with bounds \[0, 2147483647\]",
        ),
        (
            IDS,
            {"document_features": FEATURES[:-1]},
            r"document_features must have shape \[40, F\], a row for each id, got \(39, 3\)",
        ),
        (
            (IDS, IDS),
            {"document_features": FEATURES},
            "document_features must be None unless documents are observed as one id",
        ),
    ],
)
def test_arguments_of_the_network_are_checked(documents, arguments, message):
    with pytest.raises(ValueError, match=message):
        TwoTowerQNetwork(observation_spec(documents), **arguments)


# Choice weights of a catalogue.

CHOICE_MODEL = choice.MultinomialLogit(no_click_mass=1.0)


@pytest.mark.parametrize("num_candidates", [3, 20])
@pytest.mark.parametrize("model", [choice.MultinomialProportional, choice.MultinomialLogit])
def test_catalogue_scores_are_the_affinity_scores_of_the_same_documents(model, num_candidates):
    factors = np.abs(FEATURES[:, :2]) / 9
    seen = observation(num_candidates)
    as_vectors = seen._replace(documents=tf.gather(factors, seen.documents))
    choice_model = model(no_click_mass=0.5)
    weights = CatalogueScores(factors, choice_model=choice_model)(seen)
    tf.nest.map_structure(close, weights, AffinityScores(choice_model)(as_vectors))


@pytest.mark.parametrize(
    "bias",
    [0.5, np.linspace(-1, 1, NUM_DOCUMENTS), tf.Variable(tf.linspace(0.0, 1.0, NUM_DOCUMENTS))],
)
def test_catalogue_scores_of_the_true_taste_are_the_choice_model_of_drifting_taste(bias):
    users = DriftingTasteUsers(NUM_FEATURES, choice_model=CHOICE_MODEL)
    items = Catalogue(NUM_DOCUMENTS, NUM_FEATURES, bias, FEATURES, ids_only=True)
    simulator = drifting_taste(users, items, slate_size=2, num_candidates=6)
    state = simulator.reset(4, 0)
    scores = CatalogueScores(
        items.factors, items.bias, lambda seen: state.user.initial_taste, CHOICE_MODEL
    )
    weights, no_click_weight = scores(simulator.observe(state))
    expected = users.response(
        state.user, Slate(items.show(state.candidates, ()), tf.ones([4, 6], tf.bool))
    ).probs
    close(tf.concat([weights, no_click_weight[:, tf.newaxis]], axis=1), expected)


@pytest.mark.parametrize(
    ("arguments", "seen", "message"),
    [
        (
            {"factors": FEATURES[:, 0]},
            observation(),
            r"factors must have shape \[D, F\], got \(40,\)",
        ),
        (
            {"bias": FEATURES[:3, 0]},
            observation(),
            r"bias must be a number or have shape \[D=40\] of factors, got \(3,\)",
        ),
        (
            {},
            observation(),
            (
                r"users must be vectors \[B, 3\], as long as the rows of factors, got \(5, 2\): see"
                r" `belief`"
            ),
        ),
        (
            {},
            observation()._replace(documents=tf.zeros([5, 20, 3])),
            r"documents must be ids \[B, N\], got float32 \(5, 20, 3\)",
        ),
    ],
)
def test_catalogue_scores_refuse_what_does_not_fit(arguments, seen, message):
    with pytest.raises(ValueError, match=message):
        CatalogueScores(**{"factors": FEATURES, **arguments})(seen)


# In SlateQ, on drifting taste.

SLATE_SIZE = 2


def environment_of(num_items=60, num_candidates=30, num_users=8, **arguments) -> SlateEnvironment:
    users = DriftingTasteUsers(NUM_FEATURES, choice_model=CHOICE_MODEL)
    items = Catalogue(num_items, NUM_FEATURES, np.linspace(-1, 1, num_items), ids_only=True)
    simulator = drifting_taste(
        users,
        items,
        slate_size=SLATE_SIZE,
        num_candidates=num_candidates,
        max_steps=4,
        **arguments,
    )
    return SlateEnvironment(simulator, num_users)


def last_choice(factors):
    """A belief of tastes [B, F]: the factors of what a user chose last, zeros where that was
    nothing.
    """

    def belief(seen):
        return tf.reduce_sum(
            seen.response.clicked[:, :, tf.newaxis] * tf.gather(factors, seen.response.item_id),
            axis=1,
        )

    return belief


def agent_of(environment, features=True, hidden_units=(16,), **arguments) -> SlateQAgent:
    documents = environment.simulator.documents
    belief = last_choice(documents.factors)
    network = TwoTowerQNetwork(
        environment.observation_spec(),
        hidden_units,
        8,
        document_features=documents.factors if features else None,
        belief=belief,
    )
    agent = SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network,
        tf.keras.optimizers.Adam(0.01),
        choice_scores=CatalogueScores(documents.factors, documents.bias, belief, CHOICE_MODEL),
        train_step_counter=tf.Variable(0, dtype=tf.int64),
        **arguments,
    )
    agent.initialize()
    return agent


def collected(environment, policy):
    """One batch of transitions."""
    time_step = environment.reset()
    step = policy.action(time_step)
    later = environment.step(step.action)
    frames = [
        trajectory.from_transition(time_step, step, later),
        trajectory.from_transition(
            later, policy.action(later), environment.step(policy.action(later).action)
        ),
    ]
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves, axis=1), *frames)


@pytest.mark.parametrize(("features", "jit_compile"), [(True, True), (False, False)])
def test_slate_q_learns_a_batch_of_drifting_taste(features, jit_compile):
    environment = environment_of()
    agent = agent_of(environment, features, targets=SlateQTargets(gamma=0.9))
    batch = collected(environment, agent.collect_policy)
    assert batch.observation.documents.shape == [8, 2, 30]
    train = compiled(lambda: agent.train(batch).loss, jit_compile=jit_compile)
    losses = [float(train()) for _ in range(60)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
    slates = agent.policy.action(environment.current_time_step()).action.numpy()
    assert slates.shape == (8, SLATE_SIZE)
    assert (slates[:, 0] != slates[:, 1]).all()


def test_slate_q_with_two_towers_comes_from_a_configuration():
    gin.parse_config("""
        create_slate_q.network = @TwoTowerQNetwork
        TwoTowerQNetwork.hidden_units = (8,)
        TwoTowerQNetwork.embedding_size = 4
        create_slate_q.choice_network = @ClickLogits/TwoTowerQNetwork
        ClickLogits/TwoTowerQNetwork.relative = False
        """)
    environment = environment_of()
    agent = create_slate_q(environment, tf.Variable(0, dtype=tf.int64))
    batch = collected(environment, agent.collect_policy)
    assert np.isfinite(agent.train(batch).loss)


def node_shapes(concrete_function):
    """(name, shape) of every tensor of a graph and of the functions that it calls."""
    graph = concrete_function.graph.as_graph_def(add_shapes=True)
    for node in [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]:
        for shape in node.attr["_output_shapes"].list.shape:
            yield f"{node.name} ({node.op})", tf.TensorShape(shape)


def largest(concrete_function):
    """The number of elements of the largest tensor; all of them must have static shapes."""
    sizes = {}
    for name, shape in node_shapes(concrete_function):
        assert shape.is_fully_defined(), f"{name} has the shape {shape}"
        sizes[name] = shape.num_elements()
    name = max(sizes, key=sizes.__getitem__)
    return sizes[name], name


MANY = 2000


@pytest.mark.parametrize("features", [True, False])
def test_no_tensor_holds_a_vector_for_each_of_many_candidates(features):
    environment = environment_of(MANY, MANY)
    agent = agent_of(environment, features)
    time_step = environment.current_time_step()

    def simulate(seed):
        state = environment.simulator.reset(8, seed)
        slate = agent.policy.policy(environment.simulator.observe(state), (), seed)[0]
        state, transition = environment.simulator.step(state, slate, seed)
        return environment.simulator.observe(state), transition.reward

    served = compiled(
        lambda time_step: agent.policy.action(time_step).action
    ).get_concrete_function(time_step)
    simulated = compiled(simulate).get_concrete_function(tf.TensorSpec([2], tf.int32))
    functions = [served, simulated]
    if features:
        # Gradients of free vectors are sparse, without static shapes.
        functions.append(
            compiled(agent.train).get_concrete_function(
                collected(environment, agent.collect_policy)
            )
        )
    for function in functions:
        size, name = largest(function)
        # Vectors of 8 numbers for each candidate of each user would be 8 times as many.
        assert size <= 3 * 8 * MANY, name
