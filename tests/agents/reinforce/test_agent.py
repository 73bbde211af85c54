# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks import network
from tf_agents.trajectories import time_step as ts

from recsim_tf.agents.reinforce import (
    ImportanceWeights,
    PolicyGradient,
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    StateValueNetwork,
)
from recsim_tf.agents.shared.returns import LambdaReturns
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core import nests, random
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.runs.execution import compiled
from tests.agents.experience import (
    ACTION_SPEC,
    FIRST,
    LAST,
    MID,
    OBSERVATION_SPEC,
    TIME_STEP_SPEC,
    grouped,
    learning,
    sequences,
    time_step,
    window,
)
from tests.alike import assert_close, assert_equal


class FirstFeature(network.Network):
    """A value network without weights that can be read off: the first number of the user."""

    def __init__(self):
        super().__init__(input_tensor_spec=OBSERVATION_SPEC, state_spec=(), name="FirstFeature")

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        return observation.user[:, 0], network_state


_OF_LEARNING = "gradient_clipping", "reward_scale_factor"


def make_agent(value_network=None, optimizer=None, **arguments) -> ReinforceSlateAgent:
    scale = {name: arguments.pop(name) for name in _OF_LEARNING if name in arguments}
    agent = ReinforceSlateAgent(
        TIME_STEP_SPEC,
        ACTION_SPEC,
        SlatePolicyNetwork(OBSERVATION_SPEC, 2, (8,)),
        value_network or StateValueNetwork(OBSERVATION_SPEC, (8,)),
        learning(optimizer, **scale),
        **grouped(
            arguments,
            returns=LambdaReturns,
            importance=ImportanceWeights,
            objective=PolicyGradient,
        ),
    )
    agent.initialize()
    return agent


# Four users of three decisions each: one stays, one leaves, one is cut off by the time limit, and a
# newcomer follows each of these.
STEP_TYPES = [
    [MID, MID, MID, MID, MID],
    [MID, LAST, FIRST, MID, MID],
    [MID, MID, LAST, FIRST, MID],
    [LAST, FIRST, MID, MID, MID],
]
REWARDS = [
    [1.0, 2.0, 4.0, 99.0],
    [1.0, 77.0, 4.0, 99.0],
    [1.0, 2.0, 77.0, 99.0],
    [77.0, 2.0, 4.0, 99.0],
]
DISCOUNTS = [[1.0, 1.0, 1.0, 9.0], [0.0, 1.0, 1.0, 9.0], [1.0, 1.0, 1.0, 9.0], [1.0, 1.0, 1.0, 9.0]]
VALUES = [[0.5, 0.25, -0.5, 0.75]] * 4
VALID = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 1]], np.float32)
# Rewards up to the end of the session or the window, and the value there: zero where the user left,
# and that of the last state where the time limit cut the session off.
RETURNS_OF_WINDOWS = np.float32(
    [[7.75, 6.75, 4.75], [1.0, 0.0, 4.75], [2.5, 1.5, 0.0], [0.0, 6.75, 4.75]]
)
# One reward and the next state's value.
RETURNS_OF_STEPS = np.float32(
    [[1.25, 1.5, 4.75], [1.0, 0.0, 4.75], [1.25, 1.5, 0.0], [0.0, 1.5, 4.75]]
)


def experience_of_windows():
    """With the values as the first number of the users."""
    made = sequences(STEP_TYPES, REWARDS, DISCOUNTS)
    values = np.float32(VALUES)[..., np.newaxis]
    user = tf.concat([values, made.observation.user[..., 1:]], axis=-1)
    return made._replace(observation=made.observation._replace(user=user))


def returns_of(agent):
    experience = experience_of_windows()
    values = experience.observation.user[..., 0]
    return VALID * (agent._advantages(window(experience, 0, -1), values) + values[:, :-1])


@pytest.mark.parametrize(
    ("td_lambda", "expected"), [(1.0, RETURNS_OF_WINDOWS), (0.0, RETURNS_OF_STEPS)]
)
def test_returns_stop_at_the_end_of_a_session_and_go_on_with_the_value_at_the_end_of_the_window(
    td_lambda, expected
):
    agent = make_agent(FirstFeature(), num_steps=3, td_lambda=td_lambda)
    np.testing.assert_allclose(returns_of(agent), expected, atol=1e-6)


def test_returns_are_discounted_mixed_by_lambda_and_scaled():
    gamma, td_lambda, scale = 0.9, 0.6, 0.5
    agent = make_agent(
        FirstFeature(), num_steps=3, gamma=gamma, td_lambda=td_lambda, reward_scale_factor=scale
    )
    values, rewards = np.array(VALUES[0]), scale * np.array(REWARDS[0])
    expected = np.zeros(4)
    expected[3] = values[3]
    for step in (2, 1, 0):
        expected[step] = rewards[step] + gamma * (
            (1 - td_lambda) * values[step + 1] + td_lambda * expected[step + 1]
        )
    np.testing.assert_allclose(returns_of(agent)[0], expected[:3], rtol=1e-6)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_loss_is_that_of_the_formulas_over_the_decisions(normalize):
    agent = make_agent(
        FirstFeature(),
        num_steps=3,
        normalize_advantages=normalize,
        value_estimation_loss_coef=0.3,
        entropy_regularization=0.2,
    )
    experience = experience_of_windows()
    loss, parts = agent.loss(experience)
    first = nests.merge_outer(window(experience, 0, -1))
    distribution, _ = agent._actor_network(first.observation)
    valid = VALID.ravel() > 0
    errors = (RETURNS_OF_WINDOWS - np.array(VALUES)[:, :-1]).ravel()[valid]
    advantages = (errors - errors.mean()) / errors.std() if normalize else errors
    log_probs = distribution.log_prob(first.action).numpy()[valid]
    entropy = distribution.by_position(first.action)[1].numpy().sum(-1)[valid].mean()
    np.testing.assert_allclose(
        parts.policy_gradient_loss, -np.mean(advantages * log_probs), atol=1e-5
    )
    np.testing.assert_allclose(parts.value_estimation_loss, 0.3 * np.mean(errors**2), rtol=1e-5)
    np.testing.assert_allclose(parts.entropy, entropy, rtol=1e-5)
    np.testing.assert_allclose(parts.entropy_regularization_loss, -0.2 * entropy, rtol=1e-5)
    np.testing.assert_allclose(loss, sum(parts[:3]), rtol=1e-5)
    np.testing.assert_allclose(
        parts.explained_variance,
        1 - errors.var() / RETURNS_OF_WINDOWS.ravel()[valid].var(),
        rtol=1e-4,
    )


def test_frames_between_sessions_and_the_action_of_the_last_frame_teach_nothing():
    agent = make_agent(num_steps=3)
    experience = experience_of_windows()
    boundary = experience.step_type == ts.StepType.LAST
    unused = boundary | tf.constant([[False, False, False, True]] * 4)
    changed = experience._replace(
        reward=tf.where(unused, -1000.0, experience.reward),
        discount=tf.where(unused, 0.5, experience.discount),
        action=tf.where(unused[..., tf.newaxis], tf.constant([3, 1]), experience.action),
    )
    assert_close(agent.loss(changed), agent.loss(experience), rtol=1e-5)


def test_experience_without_any_decision_changes_nothing():
    agent = make_agent(num_steps=1, entropy_regularization=0.1)
    before = [variable.numpy() for variable in agent._actor_network.variables]
    agent.train(sequences([[LAST, FIRST, MID]] * 2, [[9.0, 9.0]] * 2, [[1.0, 1.0]] * 2))
    assert_equal(before, list(agent._actor_network.variables))


def test_users_of_weight_zero_teach_nothing():
    agent = make_agent(num_steps=3)
    experience = experience_of_windows()
    half = tf.nest.map_structure(lambda leaf: leaf[:2], experience)
    weighted = agent.loss(experience, weights=tf.constant([1.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(weighted.loss, agent.loss(half).loss, rtol=1e-5)


# One decision in the same state for each of the 12 slates; the user leaves after it.
SLATES = all_slates(4, 2)
SLATE_REWARDS = np.random.default_rng(3).uniform(0, 5, len(SLATES)).astype(np.float32)


def every_slate(log_probs=None):
    experience = sequences(
        [[MID, LAST, FIRST]] * 12,
        np.stack([SLATE_REWARDS, np.zeros(12)], axis=1),
        [[0.0, 1.0]] * 12,
        np.stack([SLATES, SLATES], axis=1),
        log_probs=log_probs,
    )
    same = tf.nest.map_structure(lambda leaf: leaf[:1], experience.observation)
    same = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, 12, axis=0), same)
    return experience._replace(observation=same)


def policy_gradient(agent, experience, weights=None):
    with tf.GradientTape() as tape:
        loss = agent.loss(experience, weights).extra.policy_gradient_loss
    return tape.gradient(loss, agent._actor_network.trainable_weights)


def reward_and_gradient(agent, experience):
    """The exact expected reward of the state, and its gradient."""
    state = tf.nest.map_structure(lambda leaf: leaf[:1, 0], experience.observation)
    with tf.GradientTape() as tape:
        distribution, _ = agent._actor_network(state)
        probs = tf.exp(distribution.log_prob(SLATES))
        reward = tf.reduce_sum(probs * SLATE_REWARDS)
    return probs.numpy(), tape.gradient(reward, agent._actor_network.trainable_weights)


def test_on_policy_the_expected_gradient_is_that_of_the_expected_reward():
    agent = make_agent(num_steps=1, normalize_advantages=False)
    experience = every_slate()
    probs, expected = reward_and_gradient(agent, experience)
    # Weights that are the probabilities make the mean over all slates the expectation, here over
    # their sum of one.
    for gradient, exact in zip(
        policy_gradient(agent, experience, tf.constant(probs)), expected, strict=True
    ):
        np.testing.assert_allclose(-gradient, exact, atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_off_policy_the_expected_gradient_is_that_of_the_expected_reward(normalize):
    agent = make_agent(num_steps=1, normalize_advantages=False, normalize=normalize)
    experience = every_slate(log_probs=np.full([12, 2], -np.log(12)))
    _, expected = reward_and_gradient(agent, experience)
    for gradient, exact in zip(policy_gradient(agent, experience), expected, strict=True):
        np.testing.assert_allclose(-gradient, exact, atol=1e-5)


def test_the_served_policy_shows_the_largest_logits_in_order_and_the_collect_policy_draws():
    agent = make_agent()
    assert isinstance(agent, tf_agent.TFAgent)
    step = time_step(50, seed=4)
    distribution, _ = agent._actor_network(step.observation)
    assert isinstance(distribution, PlackettLuce)
    np.testing.assert_array_equal(
        agent.policy.action(step).action, np.argsort(-distribution.logits, axis=1)[:, :2]
    )
    seed = random.as_seed(5)
    np.testing.assert_array_equal(
        agent.collect_policy.action(step, seed=seed).action, random.sample(distribution, seed)
    )
    first, second = (agent.collect_policy.action(step).action for _ in range(2))
    assert (first != second).numpy().any()
    assert agent.collect_policy.action(step).info == ()
    np.testing.assert_array_equal(
        agent.collect_policy.distribution(step).action.logits, distribution.logits
    )


def test_off_policy_the_collect_policy_logs_the_log_probabilities_of_its_slates():
    agent = make_agent(importance=ImportanceWeights())
    step = time_step(50, seed=4)
    decided = agent.collect_policy.action(step)
    distribution, _ = agent._actor_network(step.observation)
    np.testing.assert_allclose(
        decided.info.log_probability, distribution.log_prob(decided.action), rtol=1e-6
    )
    assert agent.collect_data_spec.policy_info.log_probability.shape == []
    assert not agent.on_policy
    assert make_agent().on_policy


def test_training_compiles_under_xla_raises_what_is_rewarded_and_does_not_retrace():
    agent = make_agent(
        optimizer=tf.keras.optimizers.Adam(0.02),
        num_steps=1,
        entropy_regularization=0.001,
        importance=ImportanceWeights(),
    )
    experience = every_slate(log_probs=np.full([12, 2], -np.log(12)))
    train = compiled(agent.train, jit_compile=True)
    for _ in range(150):
        train(experience)
    assert train.experimental_get_tracing_count() == 1
    assert int(agent.train_step_counter) == 150
    probs, _ = reward_and_gradient(agent, experience)
    # Item-wise logits can put their whole weight on any slate of two.
    assert probs @ SLATE_REWARDS > SLATE_REWARDS.mean() + 0.8 * (
        SLATE_REWARDS.max() - SLATE_REWARDS.mean()
    )


def test_the_value_depends_on_the_user_and_on_the_candidates_but_not_on_their_order():
    network, seen = StateValueNetwork(OBSERVATION_SPEC, (8,)), time_step(5, seed=1).observation
    value, _ = network(seen)
    reordered = seen._replace(documents=seen.documents[:, ::-1])
    np.testing.assert_allclose(network(reordered)[0], value, rtol=1e-5)
    others = seen._replace(documents=0 * seen.documents), seen._replace(user=-seen.user)
    assert all((np.abs(network(other)[0] - value) > 1e-4).all() for other in others)


# Importance weights.

PROBS = np.float64([0.5, 0.2, 0.05])
BEHAVIOUR = np.float64([0.25, 0.4, 0.005])
ALL_VALID = tf.ones([3], tf.float64)


@pytest.mark.parametrize(
    ("cap", "expected"), [(None, [2.0, 0.5, 10.0]), (4.0, [2.0, 0.5, 4.0]), (1.0, [1.0, 0.5, 1.0])]
)
def test_importance_weights_are_capped_ratios(cap, expected):
    weights = ImportanceWeights(cap)(np.log(PROBS), np.log(BEHAVIOUR), ALL_VALID)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("ratios", "valid", "expected"),
    [
        ([2.0, 0.5, 9.0, 0.5], [1.0, 1.0, 0.0, 1.0], [2.0, 0.5, 9.0, 0.5]),
        ([4.0, 2.0], [1.0, 1.0], [4 / 3, 2 / 3]),
        ([0.0, 0.0], [1.0, 1.0], [0.0, 0.0]),
    ],
)
def test_normalized_weights_have_mean_one_over_what_is_valid(ratios, valid, expected):
    weights = ImportanceWeights(normalize=True)
    np.testing.assert_allclose(
        weights(tf.math.log(ratios), tf.zeros([len(ratios)]), tf.constant(valid)),
        expected,
        rtol=1e-6,
    )


def test_importance_weights_carry_no_gradient_and_compile():
    log_prob = tf.constant(np.log(PROBS))

    @compiled(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(log_prob)
            weights = ImportanceWeights(4.0, normalize=True)(log_prob, np.log(BEHAVIOUR), ALL_VALID)
            total = tf.reduce_sum(weights * log_prob)
        return tape.gradient(total, log_prob)

    weights = np.array([2.0, 0.5, 4.0])
    np.testing.assert_allclose(gradient(), weights / weights.mean(), rtol=1e-12)
