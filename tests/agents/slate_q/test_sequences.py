"""SlateQ on sequences of several steps: lambda-returns and the differential target."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q import SlateQAgent, SlateQNetwork
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
