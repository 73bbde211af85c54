"""SlateQ on sequences of several steps: lambda-returns and the differential target."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q import SlateQAgent, SlateQNetwork, SlateQTargets
from tests.agents.slate_q import experience as made
from tests.agents.slate_q.experience import FIRST, LAST, MID

# Two users, four frames: one in the middle of a session, one who leaves at the second step and is
# followed by another user.
STEP_TYPES = [[MID, MID, MID, MID], [MID, MID, LAST, FIRST]]
NEXT_STEP_TYPES = [[MID, MID, MID, MID], [MID, LAST, FIRST, MID]]
REWARDS = [[1.0, 0.0, 2.0, 0.0], [3.0, 1.0, 100.0, 0.0]]
DISCOUNTS = [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]
# The rewards of the five transitions, 7, over the one that ends a session.
SESSION_RETURN = 7.0


def sequences():
    rng = np.random.default_rng(3)
    pairs = [made.batch(("click", "no click", "click", "no click"), seed) for seed in (1, 2)]
    frames = tf.nest.map_structure(
        lambda *leaves: tf.reshape(tf.stack(leaves), [4, 4, *leaves[0].shape[2:]])[:2], *pairs
    )
    clicked = np.eye(3)[rng.integers(0, 3, [2, 4])][:, :, :2]
    response = made.Clicks(tf.constant(clicked, tf.float32))
    return frames._replace(
        step_type=tf.constant(STEP_TYPES),
        next_step_type=tf.constant(NEXT_STEP_TYPES),
        reward=tf.constant(REWARDS),
        discount=tf.constant(DISCOUNTS),
        observation=frames.observation._replace(response=response),
    )


def make_agent(**targets):
    network = SlateQNetwork(made.OBSERVATION_SPEC, (6,))
    optimizer = tf.keras.optimizers.SGD(0.0)
    return SlateQAgent(
        made.TIME_STEP_SPEC,
        made.ACTION_SPEC,
        network,
        optimizer,
        targets=SlateQTargets(num_steps=3, **targets),
        train_step_counter=tf.Variable(0),
    )


def expected_loss(agent, experience, targets):
    """Mean squared error of the value of what was done, over the five transitions."""
    errors = []
    for user, step in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        observation = tf.nest.map_structure(
            lambda leaf, user=user, step=step: leaf[user : user + 1, step], experience.observation
        )
        (q_items, q_no_click), _ = agent.network(observation)
        clicked = experience.observation.response.clicked[user, step + 1].numpy()
        slate = experience.action[user, step].numpy()
        q = q_items[0, slate[clicked.argmax()]] if clicked.any() else q_no_click[0]
        errors.append((q - targets[user][step]) ** 2)
    return np.mean(errors)


def test_the_differential_target_sums_what_follows_over_the_mean_return_of_sessions():
    agent, experience = (
        make_agent(target="differential", td_lambda=0.5, session_return_tau=1.0),
        sequences(),
    )
    info = agent.train(experience)
    end = 1.0 - SESSION_RETURN
    targets = [[1.0 + 0.5 * (0.0 + 0.5 * 2.0), 0.0 + 0.5 * 2.0, 2.0], [3.0 + 0.5 * end, end]]
    np.testing.assert_allclose(info.extra.session_return, SESSION_RETURN, rtol=1e-6)
    np.testing.assert_allclose(info.loss, expected_loss(agent, experience, targets), rtol=1e-5)


def test_by_a_clock_of_rewards_steps_that_earn_nothing_take_nothing_of_the_horizon():
    agent, experience = (
        make_agent(target="differential", td_lambda=0.5, session_return_tau=1.0, clock="rewards"),
        sequences(),
    )
    info = agent.train(experience)
    end = 1.0 - SESSION_RETURN
    # Seven rewards in five steps.
    one, three = 0.5 ** (1 / 1.4), 0.5 ** (3 / 1.4)
    targets = [[1.0 + one * (0.0 + 1.0 * 2.0), 0.0 + 1.0 * 2.0, 2.0], [3.0 + three * end, end]]
    np.testing.assert_allclose(info.loss, expected_loss(agent, experience, targets), rtol=1e-5)


def test_lambda_returns_end_in_the_value_of_the_next_state():
    agent, experience = make_agent(target="sarsa", td_lambda=0.5, gamma=0.9), sequences()
    agent.initialize()

    def value(user, step):
        frame = tf.nest.map_structure(
            lambda leaf: leaf[user : user + 1, step : step + 1], experience
        )
        return float(agent._slate_values(frame)[0, 0])

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


@pytest.mark.parametrize("see", [True, False])
def test_an_items_advantage_depends_on_the_user_only_where_items_see_users(see):
    network = SlateQNetwork(made.OBSERVATION_SPEC, (6,), items_see_user=see)
    network.create_variables()
    here = made.observation(1, seed=0)
    there = here._replace(user=-here.user)
    (q_here, none_here), (q_there, none_there) = (
        network(observation)[0] for observation in (here, there)
    )
    assert not np.allclose(none_here, none_there)
    assert np.allclose(q_here - none_here, q_there - none_there, atol=1e-6) != see
