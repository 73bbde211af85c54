"""Returns in whole days by hazards, for any users who come back, and a log-normal beside them; with
a reader of the log of Ta-Feng, a supermarket.

A log of dates has gaps in whole days, and the probability of such a gap is that of an interval. The
density of a log-normal at a whole number is none: it depends on the unit of time, and over the
whole numbers it does not sum to one. So its logarithm cannot be compared with that of a hazard.
"""

from typing import Any

import gin
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.environments.returning import ReturningUsers
from recsim_tf.fitting import Parameter
from recsim_tf.logs import Log, TableVisits, from_table

HORIZON, OWN_DAYS = 121.0, 45  # Each of the first days has a hazard of its own.


class Shop(recsim_tf.DocumentModel):
    """A shop, which is all that there is to choose."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(1, num_users, num_candidates, dtype=self.dtype)

    def observe(self, documents):
        return documents


class Customers(recsim_tf.UserModel):
    """Customers whose visits have one step."""

    def initial_draws(self, num_users):
        return tfd.Categorical(logits=tf.zeros([num_users, 1], self.dtype))

    def response(self, state, slate):
        return recsim_tf.choice.MultinomialLogit()(tf.zeros(slate.mask.shape), slate.mask)

    def departure(self, state):
        return tf.ones(state.shape, tf.bool)

    def observe(self, state):
        return state


class PastReturns(ReturningUsers):
    """Users who return by what is known of their past, in any order of their gaps."""

    def known(self, state):
        """The number of visits before and their rate, logarithms, and products of these, [B, F]."""
        visits = tf.cast(state.visit, self.dtype) - 1
        count, rate = tf.math.log1p(visits), tf.math.log((visits + 0.5) / (state.day + 12))
        return tf.stack([count, rate], axis=1)

    def restart(self, state):
        return None

    def next_visit(self, state, days, draws):
        return state.user


@gin.configurable(module="recsim_tf")
class DailyReturns(PastReturns):
    """Users who return on a day by a hazard, if they have not returned before. Its logit has a
    level of the day, and effects of the past that change with the logarithm of the day.
    """

    base: Any = recsim_tf.parameter((-2.5,) * OWN_DAYS, rank=1)
    late: Any = recsim_tf.parameter(0.0)  # of a month after the days of the base
    past: Any = recsim_tf.parameter((0.0,) * 2, rank=1)
    fading: Any = recsim_tf.parameter((0.0,) * 2, rank=1)

    def gap(self, state):
        days = np.arange(1, int(self.horizon), dtype=self.dtype.as_numpy_dtype)
        base = tf.gather(
            self.per_user("base", 2), np.minimum(np.arange(len(days)), OWN_DAYS - 1), axis=-1
        )
        base += self.per_user("late", 2) * np.maximum(days - OWN_DAYS, 0) / 30
        past, fading = (
            tf.reduce_sum(self.per_user(name, 2) * self.known(state), axis=1, keepdims=True)
            for name in ("past", "fading")
        )
        logits = base + past + fading * np.log(days)
        stays = tf.cumsum(tf.math.log_sigmoid(-logits), axis=1)
        comes = tf.math.log_sigmoid(logits) + tf.pad(stays, [[0, 0], [1, 0]])[:, :-1]
        # One day more stands for all later ones.
        mass = tf.concat([comes, stays[:, -1:]], axis=1)
        return tfd.FiniteDiscrete(np.append(days, days[-1] + 2), logits=mass)


class LogNormalReturns(PastReturns):
    """Log-normal gaps in intervals of whole days, and churn, which depend on the past in the same way."""

    loc: Any = recsim_tf.parameter((2.2, *(0.0,) * 2), rank=1)
    scale: Any = recsim_tf.parameter((0.0,) * 3, rank=1)
    leave: Any = recsim_tf.parameter((-2.0, *(0.0,) * 2), rank=1)

    def linear(self, name, state):
        known = tf.pad(self.known(state), [[0, 0], [1, 0]], constant_values=1.0)
        return tf.reduce_sum(self.per_user(name, 2) * known, axis=1)

    def gap(self, state):
        days = tfd.LogNormal(self.linear("loc", state), tf.exp(self.linear("scale", state)))
        return tfd.QuantizedDistribution(tfb.Shift(-0.5)(days), low=1.0)

    def churn(self, state):
        return tf.sigmoid(self.linear("leave", state))


@gin.configurable(module="recsim_tf")
def read_returns(path: str) -> Log:
    """The log of Ta-Feng: the lifetimes of its customers, from the first visit in the log on."""
    table = pd.read_parquet(path, columns=["CUSTOMER_ID", "TRANSACTION_DT"]).drop_duplicates()
    table["day"] = pd.to_datetime(table.TRANSACTION_DT, format="%m/%d/%Y")
    table = table.assign(position=0, shop="shop", bought=1)
    roles = {
        "session": "CUSTOMER_ID",
        "timestamp": "day",
        "position": "position",
        "document": "shop",
    }
    log = from_table(table, {**roles, "clicked": "bought"}, visits=TableVisits(HORIZON, pause=1.0))
    return log._replace(initial=np.zeros(log.num_sessions, np.int32))


@gin.configurable(module="recsim_tf")
def returns(kind: Any = DailyReturns) -> recsim_tf.Simulator:
    """Customers of a shop who return, before their returns are fitted."""
    return recsim_tf.Simulator(kind(Customers(), horizon=HORIZON), Shop(), 1, 1, max_steps=120)
