"""Returns in whole days by hazards, for any users who come back, and log-normal ones beside them.

A gap in whole days has the probability of an interval. The density of a log-normal is none: it has
a unit of time, and its sum over the days is not one. The log is Ta-Feng, of a supermarket.
"""

from typing import Any

import gin
import numpy as np
import pandas as pd
import recsim_tf
import tensorflow as tf
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.environments.returning import ReturningUsers
from recsim_tf.fitting import Parameter
from recsim_tf.logs import Log, TableVisits, from_table
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

HORIZON, OWN_DAYS = 121.0, 45  # Each of the first days has a level of its own.


class Shop(recsim_tf.DocumentModel):  # all that there is to choose
    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(1, num_users, num_candidates, dtype=self.dtype)

    def observe(self, documents):
        return documents


class Customers(recsim_tf.UserModel):  # whose visits have one step
    def initial_draws(self, num_users):
        return tfd.Categorical(logits=tf.zeros([num_users, 1], self.dtype))

    def response(self, state, slate):
        return recsim_tf.choice.MultinomialLogit()(0 * tf.cast(slate.mask, self.dtype), slate.mask)

    def departure(self, state):
        return tf.ones(state.shape, tf.bool)

    def observe(self, state):
        return state


class KnownUsers(ReturningUsers):
    """Users of whom the number and the rate of earlier visits say when they return."""

    def known(self, state):
        """The logarithms of the number of visits before, and of their rate a day, [B, 2]."""
        visits = tf.cast(state.visit, self.dtype) - 1
        return tf.math.log(tf.stack([visits + 1, (visits + 0.5) / (state.day + 12)], axis=1))

    def restart(self, state):
        return None

    def next_visit(self, state, days, draws):
        return state.user


class DailyReturns(KnownUsers):
    """Users who return on a day by a hazard, by its level of the day and by what is known."""

    level: Any = recsim_tf.parameter((-2.5,) * OWN_DAYS, rank=1)
    past: Any = recsim_tf.parameter((0.0,) * 5, rank=1)
    fading: Any = recsim_tf.parameter((0.0,) * 5, rank=1)  # by the logarithm of the day

    def gap(self, state):
        days = np.arange(1, int(self.horizon), dtype=self.dtype.as_numpy_dtype)
        places = np.minimum(days, OWN_DAYS).astype(np.int32) - 1
        logits = tf.gather(self.per_user("level", 2), places, axis=-1)
        count, rate = tf.unstack(self.known(state), axis=1)
        known = tf.stack([count, rate, count * rate, count**2, rate**2], axis=1)
        for name, scale in {"past": np.ones_like(days), "fading": np.log(days)}.items():
            logits += scale * tf.reduce_sum(self.per_user(name, 2) * known, axis=1, keepdims=True)
        stays = tf.cumsum(tf.math.log_sigmoid(-logits), axis=1)
        comes = tf.math.log_sigmoid(logits) + tf.pad(stays, [[0, 0], [1, 0]])[:, :-1]
        mass = tf.concat([comes, stays[:, -1:]], axis=1)  # The last is that of all later days.
        return tfd.FiniteDiscrete(np.append(days, days[-1] + 2), logits=mass)


class LogNormalReturns(KnownUsers):
    """Users with log-normal gaps, in intervals of a day, and churn, by what is known."""

    loc: Any = recsim_tf.parameter((2.2, 0.0, 0.0), rank=1)
    log_scale: Any = recsim_tf.parameter((0.0, 0.0, 0.0), rank=1)
    leaving: Any = recsim_tf.parameter((-2.0, 0.0, 0.0), rank=1)

    def linear(self, name, state):
        known = tf.pad(self.known(state), [[0, 0], [1, 0]], constant_values=1.0)
        return tf.reduce_sum(self.per_user(name, 2) * known, axis=1)

    def gap(self, state):
        days = tfd.LogNormal(self.linear("loc", state), tf.exp(self.linear("log_scale", state)))
        return tfd.QuantizedDistribution(tfb.Shift(-0.5)(days), low=1.0)

    def churn(self, state):
        return tf.sigmoid(self.linear("leaving", state))


@gin.configurable(module="recsim_tf")
def read_returns(path: str) -> Log:
    """The log of Ta-Feng's receipts: a session a customer, a visit a day with a receipt."""
    table = pd.read_parquet(path, columns=["CUSTOMER_ID", "TRANSACTION_DT"]).drop_duplicates()
    table["timestamp"] = pd.to_datetime(table.TRANSACTION_DT, format="%m/%d/%Y")
    table = table.assign(session=table.CUSTOMER_ID, position=0, document="shop", clicked=1)
    return from_table(table, visits=TableVisits(HORIZON, pause=1.0))


@gin.configurable(module="recsim_tf")
def returns(kind: Any = DailyReturns) -> recsim_tf.Simulator:
    """Customers of a shop, before their returns are fitted."""
    return recsim_tf.Simulator(kind(Customers(), HORIZON), Shop(), 1, 1, max_steps=120)


@gin.configurable(module="recsim_tf")
def returns_parameters(names: Any = ("level", "past", "fading")) -> dict[str, Parameter]:
    """The parameters of a fit, which starts where the model is."""
    return {f"users.{name}": Parameter() for name in names}
