"""SlateQ that learns apart what choices earn and what part of a session they take."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.slate_q import SessionQNetwork, losses
from recsim_tf.agents.slate_q.network import SessionValues
from recsim_tf.choice import MultinomialProportional
from tests.agents import experience as made
from tests.agents.slate_q.test_sequences import SESSION_RETURN, make_agent, sequences, transitions


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
