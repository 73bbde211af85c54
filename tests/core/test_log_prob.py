# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from tests.core.toy import ToyDocuments, ToyUsers, toy_simulator
from tests.rollout_policies import first_positions, uniform_random

NUM_USERS, NUM_STEPS, NUM_TOPICS, NUM_CANDIDATES, SLATE_SIZE = 5, 7, 10, 6, 2
TIME_BUDGET = 9.0
NO_CLICK_MASS = "choice_model.no_click_mass"
PARAMETERS = {"alpha_y_intercept": 0.4, NO_CLICK_MASS: 0.2, "departure_temperature": 3.0}
SESSION_PARTS = ("initial", "response", "innovation", "departure")


def simulator_with(resample_documents=True, user_parameters=None):
    return interest_evolution(
        slate_size=SLATE_SIZE,
        num_candidates=NUM_CANDIDATES,
        users=InterestEvolutionUsers(
            num_features=NUM_TOPICS, time_budget=TIME_BUDGET, dtype=tf.float64
        ).with_parameters(user_parameters or {}),
        documents=UtilityVideos(num_topics=NUM_TOPICS, dtype=tf.float64),
        resample_documents=resample_documents,
        dtype=tf.float64,
    )


def user_parameters(hazard):
    return {
        name: value
        for name, value in PARAMETERS.items()
        if hazard or name != "departure_temperature"
    }


def rollout(simulator, seed=0):
    return compiled(
        lambda seed: simulator.rollout(uniform_random(SLATE_SIZE), NUM_USERS, NUM_STEPS, seed)
    )(as_seed(seed))


def log_normal_density(x, mean, stddev):
    return -0.5 * ((x - mean) / stddev) ** 2 - np.log(stddev * np.sqrt(2 * np.pi))


def by_hand(trajectory, hazard, resample_documents):
    """The parts of the log-probability of each session, with the states recomputed in NumPy."""
    initial, steps = tf.nest.map_structure(
        lambda leaf: leaf.numpy(), (trajectory.initial, trajectory.transitions)
    )
    quality_means = np.concatenate([np.linspace(-3, 0, 7), np.linspace(0, 3, 3)])
    parts = {name: np.zeros(NUM_USERS) for name in (*SESSION_PARTS, "documents")}
    for user in range(NUM_USERS):
        interests, budget = initial.user[user].copy(), TIME_BUDGET
        candidates = initial.candidates[user]
        parts["initial"][user] = -NUM_TOPICS * np.log(2)
        parts["documents"][user] = -NUM_CANDIDATES * np.log(NUM_TOPICS)
        if not resample_documents:
            parts["documents"][user] += log_normal_density(
                initial.hidden[user], quality_means[candidates], 0.1
            ).sum()
        for step in range(NUM_STEPS):
            slate = steps.slate[step, user]
            topics = candidates[slate]
            quality = (
                steps.draws.hidden[step, user]
                if resample_documents
                else initial.hidden[user][slate]
            )
            if resample_documents:
                parts["documents"][user] += log_normal_density(
                    quality, quality_means[topics], 0.1
                ).sum()
            weights = np.append(interests[topics] + 1, PARAMETERS[NO_CLICK_MASS] + 1)
            chosen = steps.draws.response[step, user]
            parts["response"][user] += np.log(weights[chosen] / weights.sum())
            if chosen == SLATE_SIZE:
                budget -= 0.5
            else:
                topic, watch_time = topics[chosen], min(max(budget, 0), 4.0)
                towards = (interests[topic] + 1) / 2
                positive = steps.draws.innovation[step, user] == 1
                parts["innovation"][user] += np.log(towards if positive else 1 - towards)
                drift = (
                    PARAMETERS["alpha_y_intercept"]
                    * (1 - abs(interests[topic]))
                    * (1 - interests[topic])
                )
                interests[topic] = np.clip(
                    interests[topic] + (drift if positive else -drift), -1, 1
                )
                budget += -watch_time + 0.9 / 3.4 * watch_time * quality[chosen]
            if resample_documents:
                candidates = steps.draws.candidates[step, user]
                parts["documents"][user] -= NUM_CANDIDATES * np.log(NUM_TOPICS)
            left = budget <= 0
            if hazard:
                prob = 1 / (1 + np.exp(budget / PARAMETERS["departure_temperature"]))
                left = steps.draws.departure[step, user] == 1
                parts["departure"][user] += np.log(prob if left else 1 - prob)
            assert left == steps.terminated[step, user]
            if left:
                break
    return parts


@pytest.mark.parametrize(
    ("hazard", "resample_documents"),
    [(False, True), (True, False)],
    ids=["rule, new candidates", "hazard, persistent candidates"],
)
def test_log_prob_is_the_sum_over_the_draws_of_active_steps(hazard, resample_documents):
    simulator = simulator_with(resample_documents, user_parameters(hazard))
    trajectory = rollout(simulator)
    active = trajectory.transitions.active.numpy()
    assert trajectory.transitions.terminated.numpy().any()
    assert not active.all()
    log_prob = compiled(simulator.log_prob)(trajectory)
    expected = by_hand(trajectory, hazard, resample_documents)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(log_prob, name), values, rtol=1e-10, err_msg=name)
    user = sum(expected[name] for name in SESSION_PARTS)
    np.testing.assert_allclose(log_prob.user, user, rtol=1e-10)
    np.testing.assert_allclose(log_prob.total, user + expected["documents"], rtol=1e-10)


def scores_of(simulator, trajectory, variables, jit_compile=False):
    """A compiled function to the sessions' log-probabilities [B] and the gradients of their sum."""

    def value_and_gradients(trajectory):
        with tf.GradientTape() as tape:
            value = simulator.log_prob(trajectory).user
        return value, tape.gradient(value, variables)

    return compiled(value_and_gradients, jit_compile=jit_compile)(trajectory)


def central_differences(function, variable, step=1e-5):
    """[B]: the difference quotient of a function [B] in a variable whose entries act on their own
    row only.
    """
    value = variable.numpy()
    variable.assign(value + step)
    above = function().numpy()
    variable.assign(value - step)
    below = function().numpy()
    variable.assign(value)
    return (above - below) / (2 * step)


@pytest.mark.slow
def test_one_backward_pass_scores_every_session_through_copies_of_a_parameter():
    variables = {
        name: tf.Variable(tf.fill([NUM_USERS], tf.constant(value, tf.float64)))
        for name, value in PARAMETERS.items()
    }
    simulator = simulator_with(user_parameters=variables)
    trajectory = rollout(simulator)
    _, gradients = scores_of(simulator, trajectory, variables, jit_compile=True)
    score = compiled(lambda: simulator.log_prob(trajectory).user)
    for name, variable in variables.items():
        expected = central_differences(score, variable)
        assert (np.abs(expected) > 1e-4).any()
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-5, atol=1e-8, err_msg=name)


def test_a_rule_gives_no_gradient_to_the_budget_and_scores_no_departure():
    time_budget = tf.Variable(TIME_BUDGET, dtype=tf.float64)
    simulator = simulator_with()
    trajectory = rollout(simulator)
    simulator.users.time_budget = time_budget
    with tf.GradientTape() as tape:
        log_prob = simulator.log_prob(trajectory)
    np.testing.assert_array_equal(log_prob.departure, np.zeros(NUM_USERS))
    assert tape.gradient(log_prob.user, time_budget) is None


def test_the_draws_of_a_corpus_are_scored():
    simulator = toy_simulator(limit=2.0)
    trajectory = simulator.rollout(first_positions(2), 3, 4, seed=0)
    log_prob = simulator.log_prob(trajectory)
    states = simulator.replay(trajectory)
    draws = trajectory.transitions.draws
    expected = tfd.Normal(0.0, 1.0).log_prob(trajectory.initial.corpus)
    for step in range(2):
        values = trajectory.transitions.response.value[step]
        expected += tf.reduce_sum(tfd.Normal(values, 0.1).log_prob(draws.hidden[step]), -1)
    means = [
        states.user.level[0],
        *(states.user.level[0] + level + 1000.0 * level for level in (1.0, 2.0)),
    ]
    for mean, candidates in zip(
        means, [trajectory.initial.candidates, *draws.candidates[:2]], strict=True
    ):
        expected += tf.reduce_sum(tfd.Normal(mean[:, tf.newaxis], 1e-4).log_prob(candidates), -1)
    np.testing.assert_allclose(log_prob.documents, expected, rtol=1e-4)
    ratings = tfd.Normal(states.user.level[:2], 0.1).log_prob(draws.response[:2])
    np.testing.assert_allclose(log_prob.response, tf.reduce_sum(ratings, 0), rtol=1e-5)


class UsersWithoutBatchShape(ToyUsers):
    """Their draws are [B, 1], not wrapped as [B]."""

    stage: str = "initial"

    def initial_draws(self, num_users):
        wide = tfd.Normal(tf.zeros([num_users, 1]), 1.0)
        return wide if self.stage == "initial" else tfd.Independent(wide, 1)

    def initial_state(self, draws):
        return super().initial_state(draws[:, 0])

    def response(self, state, slate):
        wide = tfd.Normal(state.level[:, tf.newaxis], 0.1)
        return wide if self.stage == "response" else tfd.Independent(wide, 1)

    def outcome(self, state, slate, draw):
        return super().outcome(state, slate, draw[:, 0])


@pytest.mark.parametrize(("stage", "field"), [("initial", "user"), ("response", "response")])
def test_a_distribution_that_is_not_one_per_user_is_named(stage, field):
    def reward(response):
        return tf.reduce_sum(response.clicked, axis=1)

    users = UsersWithoutBatchShape(stage=stage)
    simulator = Simulator(users, ToyDocuments(), 2, 4, reward_fn=reward)
    trajectory = simulator.rollout(first_positions(2), 3, 2, seed=0)
    message = f"distribution of {field} must have one batch axis, the users, got .* "
    with pytest.raises(ValueError, match=message + r"\(3, 1\): wrap it in tfd.Independent"):
        simulator.log_prob(trajectory)
