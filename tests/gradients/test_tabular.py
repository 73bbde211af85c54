# SPDX-License-Identifier: Apache-2.0
"""Both gradients against the exact one, where everything can be enumerated."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.reinforce import SlatePolicyNetwork
from recsim_tf.core import random
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.gradients import relaxed_return, score_function_return
from recsim_tf.policies import PlackettLucePolicy
from tests.alike import assert_mean
from tests.gradients.tabular_sessions import (
    LOGITS,
    NUM_STEPS,
    TABLES,
    TabularDocuments,
    TabularUsers,
    click_value,
    exact_return,
    tabular_policy,
    tabular_sessions,
)
from tests.refusals import assert_refused

NUM_USERS = 5_000


def exact_gradient(parameter=LOGITS, function=lambda logits: exact_return(logits, NUM_STEPS)):
    parameter = tf.constant(parameter)
    with tf.GradientTape() as tape:
        tape.watch(parameter)
        value = function(parameter)
    return tape.gradient(value, parameter).numpy()


def sampler(function):
    """(seed, number of batches, *arguments) -> the returns and gradients [number, ...] of
    `function(seed, logits copies, *arguments)`.
    """

    @compiled(jit_compile=True)
    def batch(seed, *arguments):
        # so that one backward pass gives each session's gradient
        logits = tf.tile(tf.constant(LOGITS)[tf.newaxis], [NUM_USERS, 1, 1])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            returns = function(seed, logits, *arguments)
        return returns, tape.gradient(returns, logits)

    def sample(seed, num_batches, *arguments):
        batches = [batch(seed, *arguments) for seed in random.split_seed(seed, num_batches)]
        return [np.concatenate(leaves) for leaves in zip(*batches, strict=True)]

    return sample


def by_score_function(simulator, num_steps=NUM_STEPS):
    def function(seed, logits, *baseline):
        policy = tabular_policy(logits)
        return score_function_return(
            simulator, policy, simulator.rollout(policy, NUM_USERS, num_steps, seed), *baseline
        )

    return sampler(function)


@functools.cache
def score_function_samples():
    return by_score_function(tabular_sessions())(0, 10)


@pytest.mark.slow
def test_the_score_function_gradient_is_that_of_the_exact_return_within_its_standard_error():
    returns, gradients = score_function_samples()
    assert_mean(returns, exact_return(tf.constant(LOGITS), NUM_STEPS).numpy())
    assert_mean(gradients, exact_gradient())
    # The test has power: the standard error is a small part of the gradient.
    assert np.linalg.norm(gradients.std(axis=0)) / np.sqrt(len(gradients)) < 0.1 * np.linalg.norm(
        exact_gradient()
    )


def test_slates_and_draws_after_the_end_of_a_session_have_no_part_in_the_score_function_gradient():
    simulator, num_steps = tabular_sessions(max_steps=3), 5
    trajectory = compiled(simulator.rollout)(
        tabular_policy(tf.constant(LOGITS)), 40, num_steps, seed=0
    )
    active = trajectory.transitions.active
    assert 0.1 < np.mean(active[:3]) < 0.9

    def exchanged(leaf, other):
        return tf.where(tf.reshape(active, active.shape + [1] * (leaf.shape.rank - 2)), leaf, other)

    transitions = trajectory.transitions
    slate = exchanged(transitions.slate, transitions.slate[:, :, ::-1])
    draws = tf.nest.map_structure(
        lambda leaf: exchanged(leaf, tf.zeros_like(leaf)), transitions.draws
    )
    assert np.any(draws.response != transitions.draws.response)

    @compiled
    def gradient(slate, draws):
        logits = tf.constant(LOGITS)
        changed = trajectory._replace(transitions=transitions._replace(slate=slate, draws=draws))
        with tf.GradientTape() as tape:
            tape.watch(logits)
            returns = score_function_return(simulator, tabular_policy(logits), changed)
        return tape.gradient(returns, logits)

    expected = gradient(transitions.slate, transitions.draws)
    np.testing.assert_allclose(
        gradient(slate, draws._replace(candidates=transitions.draws.candidates)),
        expected,
        rtol=1e-12,
    )


@pytest.mark.slow
def test_a_baseline_of_the_past_changes_the_variance_of_the_score_function_not_its_mean():
    baseline = tf.linspace(tf.constant(5.0, tf.float64), 1.0, NUM_STEPS)[:, tf.newaxis] * tf.ones(
        [1, NUM_USERS], tf.float64
    )
    _, gradients = by_score_function(tabular_sessions())(1, 10, baseline)
    assert_mean(gradients, exact_gradient())
    _, by_default = score_function_samples()
    assert gradients.std(axis=0).mean() > 1.5 * by_default.std(axis=0).mean()


@pytest.mark.slow
def test_the_score_function_gradient_holds_for_the_parameters_of_the_models():
    names = ("start", "scores", "position_scores", "values", "transitions", "hazards")
    num_users, num_batches = 500, 100
    parameters = np.zeros(len(names))

    def moved(parameters):
        """Each parameter moves one table; a user's copy would need tables of their own, so that the
        standard error is over batches.
        """
        tables = {}
        for parameter, name in zip(tf.unstack(parameters), names, strict=True):
            table = getattr(TABLES, name)
            direction = np.linspace(-1.0, 1.0, table.size).reshape(table.shape)
            if name in ("start", "transitions"):  # probabilities go on summing to one
                direction -= direction.mean(axis=-1, keepdims=True)
            tables[name] = table + 0.1 * parameter * direction
        return TABLES._replace(**tables)

    @compiled(jit_compile=True)
    def gradient(seed):
        point = tf.constant(parameters)
        with tf.GradientTape() as tape:
            tape.watch(point)
            simulator, policy = tabular_sessions(moved(point)), tabular_policy(tf.constant(LOGITS))
            trajectory = simulator.rollout(policy, num_users, NUM_STEPS, seed)
            value = tf.reduce_mean(score_function_return(simulator, policy, trajectory))
        return tape.gradient(value, point)

    gradients = np.array([gradient(seed) for seed in random.split_seed(2, num_batches)])
    expected = exact_gradient(
        parameters, lambda point: exact_return(tf.constant(LOGITS), NUM_STEPS, moved(point))
    )
    assert_mean(gradients, expected)
    assert (gradients.std(axis=0) / np.sqrt(num_batches) < 0.4 * np.abs(expected)).all()


@pytest.mark.slow
def test_the_pathwise_gradient_is_that_of_finite_differences_of_the_relaxed_return():
    simulator = tabular_sessions()

    @compiled
    def value(logits, temperature):
        return tf.reduce_mean(
            relaxed_return(
                simulator, tabular_policy(logits), 20, NUM_STEPS, seed=3, temperature=temperature
            )
        )

    temperature = tf.constant(0.5, tf.float64)
    gradients = tf.test.compute_gradient(
        functools.partial(value, temperature=temperature), [tf.constant(LOGITS)], delta=1e-5
    )
    (theoretical,), (numerical,) = gradients
    np.testing.assert_allclose(theoretical, numerical, rtol=1e-5, atol=1e-9)
    assert np.abs(theoretical).min() > 1e-5


def test_departures_by_a_hazard_are_weighted_exactly():
    # One document that is always clicked and one state: nothing but the departure is random.
    tables = TABLES._replace(
        start=np.array([1.0]),
        scores=np.array([[0.3]]),
        position_scores=np.array([0.0]),
        no_click_mass=-np.inf,
        values=np.array([0.7]),
        transitions=np.ones([1, 2, 1]),
        hazards=np.array([0.2]),
    )
    policy = tabular_policy(tf.zeros([1, 1], tf.float64), slate_size=1)
    hazard = tf.Variable(tables.hazards)
    for max_steps, expected_steps in ((None, 4), (3, 3)):
        simulator = tabular_sessions(tables._replace(hazards=hazard), max_steps=max_steps)
        with tf.GradientTape() as tape:
            returns = relaxed_return(simulator, policy, 5, num_steps=4, seed=0)
        np.testing.assert_allclose(
            returns, 0.7 * np.sum(0.8 ** np.arange(expected_steps)), rtol=1e-12
        )
        steps = np.arange(1, expected_steps)
        np.testing.assert_allclose(
            tape.gradient(returns, hazard),
            [-5 * 0.7 * np.sum(steps * 0.8 ** (steps - 1))],
            rtol=1e-12,
        )


# In the environments, and what is refused.


NUM_SESSIONS, SESSION_STEPS = 64, 30


def network_of(simulator):
    tf.keras.utils.set_random_seed(0)
    environment = SlateEnvironment(simulator, 2, seed=0)
    network = SlatePolicyNetwork(
        environment.observation_spec(), simulator.slate_size, hidden_units=(16,)
    )
    network.create_variables()
    return network


def budget(user):
    return user.budget


def gradient_of(
    simulator,
    network,
    kind,
    num_users=NUM_SESSIONS,
    num_steps=SESSION_STEPS,
    jit_compile=True,
    **arguments,
):
    policy = PlackettLucePolicy.of_network(network)

    @compiled(jit_compile=jit_compile)
    def gradient(seed):
        trajectory = (
            simulator.rollout(policy, num_users, num_steps, seed)
            if kind == "score function"
            else None
        )
        with tf.GradientTape() as tape:
            if trajectory is None:
                returns = relaxed_return(simulator, policy, num_users, num_steps, seed, **arguments)
            else:
                returns = score_function_return(simulator, policy, trajectory)
            value = tf.reduce_mean(returns)
        return returns, tape.gradient(value, network.trainable_variables)

    return gradient


@pytest.mark.parametrize(("kind", "num_updates"), [("pathwise", 10), ("score function", 20)])
@pytest.mark.slow
def test_a_few_updates_of_the_network_raise_the_return_of_interest_evolution(kind, num_updates):
    simulator = interest_evolution(
        slate_size=2, num_candidates=6, users=InterestEvolutionUsers(time_budget=30.0)
    )
    network = network_of(simulator)
    policy = PlackettLucePolicy.of_network(network)
    arguments = (
        {"departure_margin": budget, "departure_temperature": 3.0} if kind == "pathwise" else {}
    )
    gradient = gradient_of(simulator, network, kind, **arguments)
    total = compiled(
        lambda: simulator.fold(
            policy,
            2_000,
            60,
            9,
            lambda sum_, transition: sum_ + transition.reward,
            tf.zeros([2_000]),
        )
    )
    before = total().numpy()
    optimizer = tf.keras.optimizers.Adam(0.02)
    for seed in random.split_seed(0, num_updates):
        returns, gradients = gradient(seed)
        assert returns.dtype == tf.float32
        for leaf in gradients:
            assert np.isfinite(leaf).all()
            assert np.any(leaf != 0)
        optimizer.apply_gradients(
            [
                (-leaf, variable)
                for leaf, variable in zip(gradients, network.trainable_variables, strict=True)
            ]
        )
    after = total().numpy()
    standard_error = np.hypot(before.std(), after.std()) / np.sqrt(len(before))
    assert after.mean() - before.mean() > 5 * standard_error


@pytest.mark.slow
def test_models_that_compute_with_an_integer_field_have_no_pathwise_gradient():
    # The users of interest exploration look their affinity up by the topic of a document.
    simulator = interest_exploration(slate_size=2, num_candidates=4, max_steps=3)
    network = network_of(simulator)
    returns, gradients = gradient_of(simulator, network, "score function", 8, 4, jit_compile=False)(
        random.as_seed(0)
    )
    assert np.max(returns) <= 3
    assert any(np.any(leaf != 0) for leaf in gradients)
    with pytest.raises(
        ValueError, match=r"documents.cluster_id is an integer or bool, which has no mixture"
    ):
        gradient_of(simulator, network, "pathwise", 8, 4, jit_compile=False)(random.as_seed(0))


class StayingTabularUsers(TabularUsers):
    """Nobody leaves before the time limit."""

    departure = UserModel.departure


def test_users_who_never_leave_need_no_margin_and_count_until_the_time_limit():
    def returns(num_steps, max_steps):
        simulator = Simulator(
            StayingTabularUsers(TABLES), TabularDocuments(3), 2, 3, click_value, max_steps=max_steps
        )
        return relaxed_return(
            simulator, tabular_policy(tf.zeros([2, 3], tf.float64)), 5, num_steps, seed=0
        )

    np.testing.assert_allclose(returns(4, 2), returns(2, None), rtol=1e-12)
    assert (returns(4, None) > returns(4, 2)).numpy().all()


class JointTabularUsers(TabularUsers):
    """The choice as a part of a joint draw, which is not relaxed."""

    def response(self, state, slate):
        return tfd.JointDistributionNamed({"choice": super().response(state, slate)})

    def outcome(self, state, slate, draw):
        return super().outcome(state, slate, draw["choice"])


@pytest.mark.slow
def test_draws_that_are_not_relaxed_have_the_gradient_of_the_score_function():
    # One document and one step: the first state and the joint draw are all that is random.
    names = ("start", "scores", "values")
    one_document = TABLES._replace(
        scores=TABLES.scores[:, :1],
        position_scores=np.zeros(1),
        values=TABLES.values[:1],
        transitions=TABLES.transitions[:, 1:3],
    )
    num_users, num_batches = 500, 100

    def moved(point):
        directions = (np.array([0.2, -0.2]), np.array([[1.0], [0.5]]), np.ones(1))
        moves = zip(names, tf.unstack(point), directions, strict=True)
        return one_document._replace(
            **{
                name: getattr(one_document, name) + parameter * direction
                for name, parameter, direction in moves
            }
        )

    logits = tf.zeros([2, 1], tf.float64)

    @compiled(jit_compile=True)
    def gradient(seed):
        point = tf.zeros([3], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(point)
            simulator = Simulator(
                JointTabularUsers(moved(point)), TabularDocuments(1), 1, 1, click_value
            )
            value = tf.reduce_mean(
                relaxed_return(simulator, tabular_policy(logits, slate_size=1), num_users, 1, seed)
            )
        return tape.gradient(value, point)

    gradients = np.array([gradient(seed) for seed in random.split_seed(0, num_batches)])
    expected = exact_gradient(np.zeros(3), lambda point: exact_return(logits, 1, moved(point)))
    assert_mean(gradients, expected)
    assert (gradients.std(axis=0) / np.sqrt(num_batches) < 0.3 * np.abs(expected)).all()


class MatrixTabularUsers(TabularUsers):
    """A draw for each position, of batch shape [B, K]."""

    def response(self, state, slate):
        return tfd.Bernoulli(probs=tf.fill(slate.mask.shape, tf.constant(0.5, tf.float64)))


def matrix_draws():
    return Simulator(MatrixTabularUsers(TABLES), TabularDocuments(3), 2, 3, click_value)


def any_policy():
    return tabular_policy(tf.zeros([2, 3], tf.float64))


def scored(baseline=None, **arguments):
    simulator, policy = tabular_sessions(), any_policy()
    trajectory = compiled(simulator.rollout)(policy, 4, 2, 0, **arguments)
    return score_function_return(simulator, policy, trajectory, baseline)


def without_a_margin():
    policy = PlackettLucePolicy.of_logits(
        lambda observation: tf.reduce_sum(observation.documents, axis=2), 3
    )
    return relaxed_return(interest_evolution(), policy, 2, 1, seed=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: relaxed_return(matrix_draws(), any_policy(), 2, 1, 0),
            "the distribution of response must have one batch axis, the users",
        ),
        (
            without_a_margin,
            "departure_margin is missing: InterestEvolutionUsers leave by a rule, .*`lambda user:"
            " user.budget`",
        ),
        (lambda: scored(auto_reset=True), "trajectory must hold one session a row"),
        (lambda: scored([[0.0]]), r"baseline must have shape \(2, 4\), got \(1, 1\)"),
        (lambda: scored(tf.zeros([4, 2])), r"baseline must have shape \(2, 4\), got \(4, 2\)"),
    ],
)
def test_what_has_no_gradient_is_refused_in_one_line(call, message):
    assert_refused(call, message)
