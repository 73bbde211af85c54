"""A choice and a dwell time in one draw: simulated, written as a table, read and scored."""

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import Clicks, DocumentModel, Simulator, UserModel, fitting, policies
from recsim_tf.choice import MultinomialLogit, with_engagement
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.fitting.logs import from_table

LENGTH = np.float32([1.0, 2.0, 3.0])
COLUMNS = ("session", "step", "position", "document", "clicked", "engagement")


class Viewers(UserModel):
    """Viewers who watch longer what is longer."""

    def initial_draws(self, num_users):
        return tfd.Uniform(tf.zeros([num_users]), 1.0)

    def response(self, state, slate):
        length = tf.gather(LENGTH, slate.documents)
        return with_engagement(
            MultinomialLogit(no_click_mass=1.0)(length - state[:, tf.newaxis], slate.mask),
            lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * length, axis=1), 0.5),
        )

    def outcome(self, state, slate, draw):
        return Clicks(tf.one_hot(draw.choice, slate.mask.shape[1]))

    def observe(self, state):
        return state


class Videos(DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(len(LENGTH), num_users, num_candidates, self.dtype)

    def observe(self, documents):
        return documents


def test_a_table_of_choices_and_dwell_times_is_scored_as_what_was_simulated():
    simulator = Simulator(Viewers(), Videos(), slate_size=2, num_candidates=3)
    trajectory = simulator.rollout(policies.random_policy(simulator), 20, 3, seed=0)
    simulated = fitting.from_trajectory(trajectory)
    session, step, position = where = np.nonzero(simulated.shown)
    clicked = simulated.response.choice[session, step] == position
    engagement = np.where(clicked, simulated.response.engagement[session, step], np.nan)
    values = (*where, simulated.documents[where], clicked, engagement)
    table = pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))
    read = from_table(table, {name: name for name in COLUMNS}, departed=False)
    log = read.with_engagement()._replace(initial=simulated.initial)
    np.testing.assert_array_equal(log.response[0], simulated.response.choice)
    assert (log.response[0] == 2).any(), "some choose nothing"
    log_prob = fitting.session_log_prob(simulator, log)
    assert np.isfinite(log_prob).all()
    np.testing.assert_array_equal(log_prob, fitting.session_log_prob(simulator, simulated))
