# SPDX-License-Identifier: Apache-2.0
"""A context that is known before the slate: read, scored, simulated and seen by policies."""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.policies import random_policy
from tests.refusals import assert_refused


class Context(NamedTuple):
    hour: tf.Tensor
    tab: tf.Tensor


class Ids(recsim_tf.DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(5, num_users, num_candidates)

    def show(self, documents, hidden):
        return documents

    def observe(self, documents):
        return documents


class Readers(recsim_tf.UserModel):
    """Who click more on the second tab."""

    lift: float = recsim_tf.parameter(1.5)

    def initial_draws(self, num_users):
        return self.context(num_users)

    def initial_state(self, draws):
        return draws

    def context(self, num_users):
        hour = tfd.Uniform(tf.zeros([num_users]), 24.0)
        tab = tfd.Categorical(logits=tf.zeros([num_users, 2]))
        return tfd.JointDistributionNamed(Context(hour, tab))

    def response(self, state, slate):
        score = self.per_user("lift") * (2 * tf.cast(state.tab, tf.float32) - 1)
        scores = tf.repeat(score[:, tf.newaxis], slate.mask.shape[1], axis=1)
        return recsim_tf.choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(draw)

    def innovation(self, state, slate, response):
        return self.context(state.tab.shape[0])

    def update(self, state, slate, response, innovation):
        return innovation

    def observe(self, state):
        return state


def simulator(lift=1.5):
    return recsim_tf.Simulator(Readers(lift), Ids(), 1, 3, max_steps=6)


def table(log) -> pd.DataFrame:
    session, step, position = np.nonzero(log.shown & log.active[..., np.newaxis])
    of_first, later = log.initial, log.innovation
    columns = {"session": session, "step": step, "position": position}
    for name in Context._fields:
        first, after = getattr(of_first, name), getattr(later, name)
        columns[name] = np.where(step == 0, first[session], after[session, np.maximum(step - 1, 0)])
    columns["tab"] = np.array(["home", "search"])[columns["tab"]]
    columns["document"] = log.documents[session, step, position]
    columns["clicked"] = log.response[session, step, position].astype(int)
    return pd.DataFrame(columns)


COLUMNS = {name: name for name in ("session", "step", "position", "document", "clicked")}
CONTEXT = {"hour": "hour", "tab": "tab"}


@pytest.fixture(scope="module")
def simulated():
    return logs.simulated_log(simulator(), 400, 6, seed=0)


def read(frame):
    return logs.from_table(
        frame, COLUMNS, context=CONTEXT, multiple_clicks=True, departed=False, document_ids=range(5)
    )


@pytest.mark.slow
def test_a_context_is_drawn_at_the_start_and_with_each_change_of_a_user(simulated):
    log = read(table(simulated))
    np.testing.assert_array_equal(log.initial["hour"], simulated.initial.hour)
    np.testing.assert_array_equal(log.initial["tab"], simulated.initial.tab)
    # After the last step no next context is known.
    np.testing.assert_array_equal(log.innovation["tab"][:, :-1], simulated.innovation.tab[:, :-1])
    np.testing.assert_array_equal(log.innovation["tab"][:, -1], log.innovation["tab"][:, -2])
    assert list(log.labels.texts["tab"]) == ["home", "search"]
    found = fitting.session_log_prob(simulator(), log)
    np.testing.assert_allclose(found, fitting.session_log_prob(simulator(), simulated), rtol=1e-5)


@pytest.mark.slow
def test_a_response_to_the_context_is_fitted_from_a_table(simulated):
    log = read(table(simulated))
    result = fitting.fit(simulator(0.0), {"users.lift": fitting.Parameter()}, log)
    estimate = result.estimates["users.lift"]
    assert abs(estimate.value - 1.5) < 3 * estimate.standard_error


def test_policies_see_the_context_of_the_step_that_they_choose_for():
    seen = []

    def policy(observation, state, seed):
        seen.append(observation.user)
        return random_policy(simulator())(observation, state, seed)

    world = simulator()
    state = world.reset(4, seed=0)
    for step in range(3):
        observation = world.observe(state)
        slate, _ = policy(observation, (), tf.constant([0, step]))
        np.testing.assert_array_equal(seen[-1].tab, state.user.tab)
        state, _ = world.step(state, slate, seed=step)
    assert any(
        (before.hour.numpy() != after.hour.numpy()).any()
        for before, after in itertools.pairwise(seen)
    )


def test_what_is_no_context_is_refused(simulated):
    frame = table(simulated)
    twice = pd.concat([frame, frame.assign(position=1, tab="other")])
    for call, message in (
        (lambda: read(frame.assign(hour=np.nan)), "column 'hour' must have a value .* in each row"),
        (
            lambda: read(frame.assign(hour=1e39)),
            "column 'hour' must have a value that float32 hold",
        ),
        (lambda: read(twice), "column 'tab' must be the same in all rows of a slate, got 'other'"),
        (lambda: read(frame.drop(columns="tab")), "column 'tab' is missing"),
        (
            lambda: fitting.session_log_prob(
                simulator(), read(frame)._replace(innovation={"weather": np.zeros([400, 6])})
            ),
            "names of the log's innovation draws must be of hour, tab, got weather",
        ),
    ):
        assert_refused(call, message)
