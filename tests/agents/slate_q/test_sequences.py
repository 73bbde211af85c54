# SPDX-License-Identifier: Apache-2.0
"""SlateQ on sequences of several steps: lambda-returns and the differential target."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.slate_q import SessionQNetwork, SlateQAgent, SlateQNetwork, losses
from recsim_tf.agents.slate_q.network import SessionValues
from recsim_tf.choice import MultinomialProportional
from tests.agents import experience as made
from tests.agents.experience import FIRST, LAST, MID

# Two users, four frames: one in the middle of a session, one who leaves at the second step and is
# followed by another user.
STEP_TYPES = [[MID, MID, MID, MID, MID], [MID, MID, LAST, FIRST, MID]]
REWARDS = [[1.0, 0.0, 2.0, 0.0], [3.0, 1.0, 100.0, 0.0]]
DISCOUNTS = [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]
# The user and the step of each transition.
TRANSITIONS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
# The rewards of the five transitions, 7, over the one that ends a session.
SESSION_RETURN = 7.0


SGD = tf.keras.optimizers.SGD


def sequences():
    clicked = np.eye(3)[np.random.default_rng(3).integers(0, 3, [2, 4])][:, :, :2]
    return made.sequences(STEP_TYPES, REWARDS, DISCOUNTS, clicked=clicked, seed=1)


def transitions(experience):
    """The observation [1, ...], slate [K] and clicks [K] of each transition."""
    for user, step in TRANSITIONS:
        frame = made.step_of(made.window(experience, step, step + 1), 0)
        observation = tf.nest.map_structure(
            lambda leaf, user=user: leaf[user : user + 1], frame.observation
        )
        clicked = experience.observation.response.clicked[user, step + 1].numpy()
        yield observation, frame.action[user].numpy(), clicked


def make_agent(network=None, **arguments):
    return SlateQAgent(
        made.TIME_STEP_SPEC,
        made.ACTION_SPEC,
        network or SlateQNetwork(made.OBSERVATION_SPEC, (6,)),
        **made.slate_q_options({"optimizer": SGD(0.0), "num_steps": 3, **arguments}),
    )


def expected_loss(agent, experience, targets):
    """Mean squared error of the value of what was done, over the five transitions."""
    errors = []
    for (user, step), (observation, slate, clicked) in zip(
        TRANSITIONS, transitions(experience), strict=True
    ):
        (q_items, q_no_click), _ = agent.network(observation)
        q = q_items[0, slate[clicked.argmax()]] if clicked.any() else q_no_click[0]
        errors.append((q - targets[user][step]) ** 2)
    return np.mean(errors)


# Seven rewards in five steps.
ONE, THREE, END = 0.5 ** (1 / 1.4), 0.5 ** (3 / 1.4), 1.0 - SESSION_RETURN


@pytest.mark.parametrize(
    ("clock", "targets"),
    [
        ("steps", [[1 + 0.5 * (0 + 0.5 * 2), 0 + 0.5 * 2, 2], [3 + 0.5 * END, END]]),
        # Steps that earn nothing take nothing of the horizon.
        ("rewards", [[1 + ONE * (0 + 1 * 2), 0 + 1 * 2, 2], [3 + THREE * END, END]]),
    ],
)
def test_the_differential_target_sums_what_follows_over_the_mean_return_of_sessions(clock, targets):
    experience = sequences()
    agent = make_agent(target="differential", td_lambda=0.5, session_return_tau=1.0, clock=clock)
    info = agent.train(experience)
    np.testing.assert_allclose(info.extra.session_return, SESSION_RETURN, rtol=1e-6)
    np.testing.assert_allclose(info.loss, expected_loss(agent, experience, targets), rtol=1e-5)


def test_lambda_returns_end_in_the_value_of_the_next_state():
    agent, experience = make_agent(target="sarsa", td_lambda=0.5, gamma=0.9), sequences()
    agent.initialize()

    def value(user, step):
        return float(agent._slate_values(made.window(experience, step, step + 1))[user, 0])

    targets = [[0.0] * 3, [0.0] * 2]
    targets[0][2] = 2.0 + 0.9 * value(0, 3)
    targets[0][1] = 0.0 + 0.9 * (0.5 * value(0, 2) + 0.5 * targets[0][2])
    targets[0][0] = 1.0 + 0.9 * (0.5 * value(0, 1) + 0.5 * targets[0][1])
    targets[1][1] = 1.0
    targets[1][0] = 3.0 + 0.9 * (0.5 * value(1, 1) + 0.5 * 1.0)
    np.testing.assert_allclose(
        agent.loss(experience).loss, expected_loss(agent, experience, targets), rtol=1e-5
    )


def test_the_mean_return_of_sessions_moves_with_training_only():
    agent, experience = make_agent(target="differential", session_return_tau=0.5), sequences()
    assert agent.loss(experience).extra.session_return == 0
    # Both averages have moved alike, so that their ratio is already the mean.
    np.testing.assert_allclose(
        agent.train(experience).extra.session_return, SESSION_RETURN, rtol=1e-6
    )
    np.testing.assert_allclose(
        agent.loss(experience).extra.session_return, SESSION_RETURN, rtol=1e-6
    )


# A network that learns apart what choices earn and what part of a session they take.


@pytest.mark.parametrize("outer", [[5], [5, 4]])
def test_values_are_rewards_less_the_worth_of_what_a_choice_takes(outer):
    network = SessionQNetwork(
        made.OBSERVATION_SPEC, (8, 4), memory=Memory() if len(outer) > 1 else None
    )
    observation = tf.nest.map_structure(
        lambda leaf: tf.reshape(leaf, [*outer, *leaf.shape[1:]]),
        made.observation(int(np.prod(outer)), seed=0),
    )
    (q_items, q_no_click, values), _ = network(observation)
    assert q_items.shape == [*outer, made.NUM_CANDIDATES]
    worth = np.exp(values.log_worth)
    mean = values.reward - worth * values.cost
    np.testing.assert_allclose(q_no_click, mean, rtol=1e-5)
    np.testing.assert_allclose(
        q_items - mean[..., np.newaxis],
        values.reward_over - worth[..., np.newaxis] * values.cost_over,
        rtol=1e-4,
        atol=1e-6,
    )


def test_what_a_click_earns_and_takes_does_not_depend_on_the_user():
    network = SessionQNetwork(made.OBSERVATION_SPEC, (8,))
    observation = made.observation(2, seed=0)
    same = tf.tile(observation.documents[:1], [2, 1, 1])
    values = network(observation._replace(documents=same))[0][2]
    for over in (values.reward_over, values.cost_over):
        np.testing.assert_allclose(over[0], over[1], atol=1e-6)
    assert abs(values.log_worth[0] - values.log_worth[1]) > 1e-4


def click_probabilities(observation, slate):
    """Of the choice model of interest evolution, for one user: affinity + 1 in proportion, beside a
    no-click mass of 1, which RecSim shifts too.
    """
    affinity = observation.documents[0].numpy()[slate] @ observation.user[0].numpy()
    model = MultinomialProportional()
    weights = np.array([*affinity, model.no_click_mass]) - model.min_normalizer
    return weights[:-1] / weights.sum()


def test_the_loss_by_hand():
    scale = 0.5
    network, experience = SessionQNetwork(made.OBSERVATION_SPEC, (6,)), sequences()
    targets = {"target": "differential", "td_lambda": 0.5, "session_return_tau": 1.0}
    agent = make_agent(network, reward_scale_factor=scale, **targets)
    info = agent.train(experience)
    rewards = scale * np.array([1.0, 0.0, 2.0, 3.0, 1.0])
    reward_targets = scale * np.array([1.0 + 0.5 * 0.5 * 2.0, 0.5 * 2.0, 2.0, 3.0 + 0.5, 1.0])
    # The last of them ends a session, and half of it counts for the one before.
    cost_targets = scale * SESSION_RETURN * np.array([0.0, 0.0, 0.0, 0.5, 1.0])
    errors, over, log_worth = [], [], []
    for (observation, slate, clicked), reward_target, cost_target in zip(
        transitions(experience), reward_targets, cost_targets, strict=True
    ):
        (_, _, values), _ = agent.network(observation)
        values = tf.nest.map_structure(lambda leaf: leaf[0].numpy(), values)
        probabilities = click_probabilities(observation, slate)
        surprise = clicked - probabilities
        reward = values.reward + surprise @ values.reward_over[slate]
        cost = values.cost + surprise @ values.cost_over[slate]
        errors.append((reward - reward_target) ** 2 + (cost - cost_target) ** 2)
        over.append(probabilities @ values.cost_over[slate])
        log_worth.append(values.log_worth)
    over, log_worth = np.array(over), np.array(log_worth)
    costs = np.maximum(over - over.mean() + rewards.mean(), 0.1 * rewards.mean())
    worth_loss = (costs * np.exp(log_worth) - rewards * log_worth).mean() / rewards.mean()
    np.testing.assert_allclose(info.extra.td_loss, np.mean(errors), rtol=1e-5)
    np.testing.assert_allclose(info.extra.worth_loss, worth_loss, rtol=1e-5)
    np.testing.assert_allclose(info.loss, np.mean(errors) + worth_loss, rtol=1e-5)


def choices_of(clicked, reward_target, reward):
    """Users' clicks, where sessions cost nothing."""
    nothing, one = tf.zeros_like(reward), tf.ones_like(reward)
    return losses.Choices(tf.zeros_like(clicked), clicked, reward_target, nothing, reward, one)


def session_losses(log_worth, cost, reward):
    """Of slates of one document that is clicked for certain, and is worth nothing else."""
    nothing, click = tf.zeros_like(reward), tf.ones_like(reward)[:, tf.newaxis]
    values = SessionValues(nothing, 0 * click, nothing, cost[:, tf.newaxis], log_worth)
    totals = losses.Totals(float(len(reward)), 0.0, tf.reduce_sum(reward), 0.0)
    return losses.session_losses(values, choices_of(click, nothing, reward), click, totals)


@pytest.mark.slow
def test_what_clicks_add_is_found_beside_a_wrong_mean():
    """Users of two kinds differ in what is returned to them and in what they are shown and click,
    and the mean is the same for both.
    """
    rng, number = np.random.default_rng(0), 10_000
    kind = rng.integers(0, 2, number)
    probabilities = np.where(kind[:, np.newaxis], [[0.8, 0.1]], [[0.1, 0.3]])
    outcome = (rng.uniform(size=[number, 1]) > np.cumsum(probabilities, axis=1)).sum(axis=1)
    clicked = np.eye(3)[outcome][:, :2]
    added = np.array([2.0, 0.5])
    returned = 10.0 * kind + clicked @ added + rng.normal(size=number)
    mean, over = tf.Variable(0.0), tf.Variable(tf.zeros([2]))
    nothing = tf.zeros([number])
    clicks, chances, target = (
        tf.constant(each, tf.float32) for each in (clicked, probabilities, returned)
    )
    choices = choices_of(clicks, target, nothing)

    def loss():
        values = SessionValues(
            tf.fill([number], mean),
            tf.broadcast_to(over, [number, 2]),
            nothing,
            tf.zeros([number, 2]),
            nothing,
        )
        return losses.session_losses(
            values, choices, chances, losses.Totals(float(number), 0.0, 0.0, 0.0)
        )[0]

    for _ in range(100):
        with tf.GradientTape() as tape:
            value = loss()
        gradients = tape.gradient(value, [mean, over])
        for variable, gradient in zip((mean, over), gradients, strict=True):
            variable.assign_sub(0.5 * gradient)
    # Of differences of 10 between users, with deviations from 0.3 to 0.5 of the clicks.
    np.testing.assert_allclose(over, added, atol=4 * 5.1 / 0.3 / np.sqrt(number))


def test_a_session_is_worth_the_rewards_of_such_users_over_the_parts_that_they_take():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 4000)
    reward = tf.constant(rng.poisson([0.5, 1.0, 4.0], [4000, 3])[range(4000), kind], tf.float32)
    cost = tf.constant(rng.uniform(0.5, 1.5, 4000) + np.array([0.0, 0.5, 1.0])[kind], tf.float32)
    # Costs are learned over those of no click only, so their mean is that of the rewards.
    exposure = (cost - tf.reduce_mean(cost) + tf.reduce_mean(reward)).numpy()
    expected = [reward.numpy()[kind == one].sum() / exposure[kind == one].sum() for one in range(3)]
    logs = tf.Variable(np.log(expected), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = session_losses(tf.gather(logs, kind), cost, reward)[1]
    # The loss is convex.
    gradient = tf.convert_to_tensor(tape.gradient(loss, logs))
    np.testing.assert_allclose(gradient, np.zeros(3), atol=1e-5)


def test_the_worth_teaches_no_costs():
    cost, log_worth = tf.constant([1.0, 2.0, 4.0]), tf.constant([0.1, -0.2, 0.3])
    with tf.GradientTape() as tape:
        tape.watch((cost, log_worth))
        loss = session_losses(log_worth, cost, tf.constant([1.0, 0.0, 3.0]))[1]
    by_cost, by_worth = tape.gradient(loss, (cost, log_worth))
    assert by_cost is None
    assert np.all(by_worth != 0)


@pytest.mark.parametrize("rewards", [[0.0, 0.0, 0.0], [-1.0, 0.0, -2.0]])
def test_without_rewards_nothing_is_learned_of_the_worth(rewards):
    cost, log_worth = tf.constant([1.0, 2.0, 4.0]), tf.constant([0.1, -0.2, 0.3])
    with tf.GradientTape() as tape:
        tape.watch(log_worth)
        loss = session_losses(log_worth, cost, tf.constant(rewards))[1]
    np.testing.assert_array_equal(tape.gradient(loss, log_worth), 0)
    assert loss == 0
