# SPDX-License-Identifier: Apache-2.0
"""Simulated sessions that follow those of a log: its lengths, its candidates, its users."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import evaluation, logs, policies
from recsim_tf.choice import IndependentClicks
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.logs.cuts import Ends
from recsim_tf.logs.plans import SessionPlan

NUM_ARTICLES, NUM_CANDIDATES, SLATE_SIZE = 30, 4, 2


class Shopper(NamedTuple):
    """The draws and the state of users."""

    age: Any


class Shoppers(recsim_tf.UserModel):
    """Users who click on half of what they see, and never leave."""

    leave: bool = False

    def initial_draws(self, num_users):
        return tfd.JointDistributionNamed(Shopper(tfd.Normal(tf.zeros([num_users]), 1.0)))

    def response(self, state, slate):
        return IndependentClicks()(tf.zeros_like(slate.documents.price), slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    def departure(self, state):
        leaves = tf.zeros_like(state.age)
        return tfd.Bernoulli(probs=leaves + 0.3) if self.leave else tf.cast(leaves, tf.bool)

    def observe(self, state):
        return state.age


class Offer(NamedTuple):
    """An article, with the price at which it is shown."""

    article: Any
    price: Any


class Articles(recsim_tf.DocumentModel):
    """Articles whose price is told when they are shown."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(NUM_ARTICLES, num_users, num_candidates, replacement=False)

    def reveal(self, documents):
        return tfd.Independent(tfd.Normal(tf.zeros(documents.shape), 1.0), 1)

    def show(self, documents, hidden):
        return Offer(documents, hidden)

    def observe(self, documents):
        return documents


def simulator_of(**users) -> recsim_tf.Simulator:
    return recsim_tf.Simulator(Shoppers(**users), Articles(), SLATE_SIZE, NUM_CANDIDATES)


def tables(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Five sessions of one to five steps; what is shown has a price, and candidates a quality."""
    generator = np.random.default_rng(seed)
    shown, offered = [], []
    for session in range(5):
        for step in range(session + 1):
            articles = np.sort(generator.permutation(NUM_ARTICLES)[:NUM_CANDIDATES])
            offered += [(session, step, f"{each:02d}", each / 10) for each in articles]
            for position in range(SLATE_SIZE):
                row = (session, step, position, f"{articles[position + 1]:02d}", position)
                shown.append((*row, generator.normal(), 10 + session))
    names = ["session", "step", "position", "document"]
    return (
        pd.DataFrame(shown, columns=[*names, "clicked", "price", "age"]),
        pd.DataFrame(offered, columns=["session", "step", "document", "quality"]),
    )


def log_of_tables(shown: pd.DataFrame, offered: pd.DataFrame | None) -> logs.Log:
    return logs.from_table(
        shown,
        attributes=("price",),
        user_columns={"age": "age"},
        candidates=offered,
        document_ids=[f"{number:02d}" for number in range(NUM_ARTICLES)],
        departed=False,
        multiple_clicks=True,
    )


@pytest.fixture(name="log", scope="module")
def fixture_log():
    return log_of_tables(*tables())


def first_ones(observation, policy_state, seed):
    """Shows the second and the third candidate, as the log does."""
    slate = tf.range(1, 1 + SLATE_SIZE)[tf.newaxis]
    return tf.repeat(slate, observation.documents.shape[0], axis=0), policy_state


def test_candidates_and_what_was_told_are_those_of_the_log(log):
    plan = SessionPlan(simulator_of(), log, 5)
    np.testing.assert_array_equal(plan.row, np.arange(5))
    state = plan.start(plan.simulator, 5, seed=0)
    np.testing.assert_allclose(state.user.age, log.initial["age"])
    trajectory = plan.simulator.rollout(first_ones, 5, log.max_length, seed=1, state=state)
    draws = trajectory.transitions.draws
    simulated = np.concatenate([state.candidates[np.newaxis], draws.candidates[:-1]])
    simulated = np.swapaxes(simulated, 0, 1)
    np.testing.assert_array_equal(simulated[log.active], log.candidates[log.active])
    # The prices of the documents that were shown.
    prices = np.swapaxes(draws.hidden, 0, 1)
    np.testing.assert_allclose(prices[log.active], log.hidden[log.active])
    # After its end a session goes on with the candidates of another one at the same step.
    for session, step in np.argwhere(~log.active):
        others = log.candidates[log.active[:, step], step]
        assert simulated[session, step].tolist() in others.tolist()


def test_agents_see_the_features_of_the_table(log):
    simulator = logs.with_logged_candidates(simulator_of(), log)
    state = simulator.reset(7, seed=0)
    seen = simulator.observe(state).documents
    np.testing.assert_allclose(seen[..., 0], state.candidates / 10)
    assert simulator.num_candidates == NUM_CANDIDATES
    # A longer session than any begins again.
    trajectory = simulator.rollout(policies.random_policy(simulator), 7, 12, seed=2)
    assert trajectory.transitions.draws.candidates.shape == [12, 7, NUM_CANDIDATES]


class Read(NamedTuple):
    """The result of a reader."""

    log: Any


def test_the_documents_of_a_log_may_be_of_the_result_of_a_reader(log):
    read, given = (
        simulator_of().replaced(
            documents=logs.Logged(Articles(), each), num_candidates=NUM_CANDIDATES
        )
        for each in (Read(log), log)
    )
    policy = policies.random_policy(given)
    sessions, expected = (each.rollout(policy, 7, 3, seed=0).transitions for each in (read, given))
    tf.nest.map_structure(np.testing.assert_array_equal, sessions, expected)


def test_prices_that_were_not_told_are_drawn(log):
    simulator = logs.with_logged_candidates(simulator_of(), log)

    def last_ones(observation, policy_state, seed):
        slate = tf.constant([[0, 2]])
        return tf.repeat(slate, observation.documents.shape[0], axis=0), policy_state

    drawn = simulator.rollout(last_ones, 2000, 1, seed=0).transitions.draws.hidden[0].numpy()
    assert len(np.unique(drawn[:, 0])) == 2000
    assert abs(drawn[:, 0].mean()) < 4 / np.sqrt(2000)
    # The second position of the log.
    assert set(drawn[:, 1].round(4)) == set(log.hidden[:, 0, 1].round(4))


def test_attributes_of_all_candidates_are_told_where_their_table_has_them():
    shown, offered = tables()
    offered = offered.rename(columns={"quality": "price"})
    shown["price"] = shown["document"].astype(int) / 10
    simulator = logs.with_logged_candidates(simulator_of(), log_of_tables(shown, offered))
    policy = policies.random_policy(simulator)
    log = logs.from_trajectory(simulator.rollout(policy, 50, 4, seed=0))
    np.testing.assert_allclose(log.hidden, log.documents / 10, rtol=1e-6)


def test_without_a_table_of_candidates_the_model_draws_them():
    shown, _ = tables()
    simulator = simulator_of()
    assert SessionPlan(simulator, log_of_tables(shown, None), 5).simulator is simulator


def test_sessions_end_where_the_log_cuts_them(log):
    """Nobody leaves, and a step earns a click."""
    plan = SessionPlan(simulator_of(), log, 5000)
    counts = np.bincount(plan.row)
    np.testing.assert_array_equal(counts, [1000] * 5)
    np.testing.assert_array_equal(plan.ends.last, log.length[plan.row])
    returns = evaluation.value(
        plan.simulator, first_ones, 5000, plan.num_steps, start=plan.start, ends=plan.ends
    )
    expected = plan.by_session(returns)
    error = np.sqrt(0.5 * log.length / 1000)
    np.testing.assert_array_less(np.abs(expected - log.length), 4 * error)


def test_users_who_leave_are_not_cut_before(log):
    simulator = simulator_of(leave=True)
    cut = SessionPlan(simulator, log, 5)
    np.testing.assert_array_equal(cut.ends.last, log.length)


def test_a_log_without_departures_is_followed_where_users_cannot_leave(log):
    unknown = log._replace(departed=())
    np.testing.assert_array_equal(SessionPlan(simulator_of(), unknown, 5).ends.last, log.length)
    stream = logs.LogStream(lambda: (unknown.take([0, 1]), unknown.take([2, 3, 4])))
    for each in (unknown, stream):
        with pytest.raises(ValueError, match="a model of logged sessions needs a log with departu"):
            SessionPlan(simulator_of(leave=True), each, 5)


def test_a_part_of_a_large_log_is_followed(log):
    plan = SessionPlan(simulator_of(), log, 3)
    assert len(set(plan.row)) == 3
    np.testing.assert_array_equal(plan.ends.last, log.length[plan.row])


@pytest.mark.slow
def test_a_stream_is_followed_without_its_candidates(log):
    simulator = simulator_of()
    stream = logs.LogStream(lambda: (log.take([0, 1]), log.take([2, 3, 4])))
    plan = SessionPlan(simulator, stream, 5)
    assert plan.simulator is simulator
    np.testing.assert_array_equal(plan.ends.last, log.length)
    state = plan.start(simulator, 5, seed=0)
    np.testing.assert_allclose(state.user.age, log.initial["age"])


def test_steps_after_an_end_earn_nothing():
    ends = Ends(np.repeat([1, 3], 500))
    returns = evaluation.value(simulator_of(), first_ones, 1000, 4, seed=0, ends=ends)
    means = returns.reshape(2, 500).mean(axis=1)
    np.testing.assert_array_less(np.abs(means - [1, 3]), 4 * np.sqrt([0.5 / 500, 1.5 / 500]))


def test_logs_that_cannot_be_followed_are_refused(log):
    simulator = simulator_of()
    with pytest.raises(ValueError, match="Logged needs a log with candidates, got none"):
        logs.Logged(Articles(), log._replace(candidates=()))
    with pytest.raises(ValueError, match="must show slates of 2 documents, as the log does, got 3"):
        logs.with_logged_candidates(simulator.replaced(slate_size=3), log)
    with pytest.raises(ValueError, match=r"log must be a Log.* got DataFrame: logs\.from_table"):
        logs.with_logged_candidates(simulator, tables()[0])
    with pytest.raises(ValueError, match="simulator must be a Simulator, got DataFrame"):
        logs.with_logged_candidates(tables()[0], log)
    shared = recsim_tf.SharedCandidates(Articles())
    with pytest.raises(ValueError, match="no corpus state and must not be shared by users"):
        logs.Logged(shared, log)
    logged = logs.Logged(Articles(), log)
    with pytest.raises(ValueError, match="num_candidates must be 4, as in the log, got 5"):
        recsim_tf.Simulator(Shoppers(), logged, SLATE_SIZE, 5).reset(2, seed=0)
