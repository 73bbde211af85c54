import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import DocumentModel, Simulator, UserModel, click_reward
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.distributions import UniformCategories
from recsim_tf.fitting import session_log_prob
from recsim_tf.fitting.logs import from_table

SCORES = np.array([0.5, -1.0, 2.0])


class Users(UserModel):
    """Choose by a score for each document id, and never leave."""

    def initial_draws(self, num_users):
        return tfd.Uniform(tf.zeros([num_users]), 1.0)

    def response(self, state, slate):
        scores = tf.gather(tf.constant(SCORES, tf.float32), slate.documents)
        return MultinomialLogit(no_click_mass=0.0)(scores, slate.mask)

    def observe(self, state):
        return state


class Documents(DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Sample(UniformCategories(len(SCORES), [num_users]), num_candidates)

    def observe(self, documents):
        return documents


def test_table_is_scored_by_the_models_that_simulate():
    """Short slates, short sessions and "no click"."""
    table = pd.DataFrame(
        [
            ("a", 0, 0, "x", 1),
            ("a", 0, 1, "z", 0),
            ("a", 1, 1, "y", 1),
            ("b", 0, 0, "z", 0),
            ("b", 0, 1, "y", 0),
        ],
        columns=["session", "step", "position", "document", "clicked"],
    )
    log = from_table(table, {name: name for name in table}).log
    log = log._replace(initial=np.zeros(2, np.float32))
    simulator = Simulator(
        Users(), Documents(), slate_size=2, num_candidates=3, reward_fn=click_reward
    )
    x, y, z = np.exp(SCORES)
    expected = [np.log(x / (x + z + 1)) + np.log(y / (y + 1)), np.log(1 / (z + y + 1))]
    np.testing.assert_allclose(session_log_prob(simulator, log), expected, rtol=1e-5)
