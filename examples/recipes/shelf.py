"""A shelf: households choose among alternatives by tastes, prices, loyalty and inertia.

Logs: yogurt (Jain, Vilcassim and Chintagunta 1994), margarine (package bayesm) and choices of
electricity suppliers (Revelt and Train 2000). Loyalty is that of Guadagni and Little 1983, "A logit
model of brand choice calibrated on scanner data".
"""

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import gin
import numpy as np
import pandas as pd
import recsim_tf
import tensorflow as tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.fitting import Parameter
from recsim_tf.logs import Log, from_table
from tensorflow_probability import distributions as tfd

Item = namedtuple("Item", "brand attributes")  # int32 [B, K], and [B, K, F]
State = namedtuple("State", "draws loyalty last")  # [B, F] of normals, and twice [B, J]


class Shelf(recsim_tf.DocumentModel):
    """J alternatives with attributes, such as prices, that are told when they are shown. With
    `brand_tastes` the brands after the first are attributes too, before the others.
    """

    num_brands: int = 4
    num_attributes: int = 2
    brand_tastes: bool = True

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(self.num_brands, num_users, num_candidates, None, False, self.dtype)

    def reveal(self, documents):
        zeros = tf.zeros([*documents.shape, self.num_attributes], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 2)

    def show(self, documents, hidden):
        brands = tf.one_hot(documents, self.num_brands, dtype=self.dtype)[..., 1:]
        return Item(documents, tf.concat([brands, hidden], -1) if self.brand_tastes else hidden)

    def observe(self, documents):
        return documents


class Households(recsim_tf.UserModel):
    """Households with normal tastes for F attributes; each buys one brand.

    The utility is <taste + spread * draws, attributes> + habit * loyalty + inertia * (bought last).
    The loyalty to a brand is a mean of its purchases that keeps the part `memory` of the past.
    Spreads have a sign, so that a search may lead them through zero.
    """

    num_brands: int = 4
    taste: Any = recsim_tf.parameter((0.0,) * 5, rank=1)
    spread: Any = recsim_tf.parameter((1.0,) * 5, rank=1)
    habit: Any = recsim_tf.parameter(0.0)
    inertia: Any = recsim_tf.parameter(0.0)
    memory: Any = recsim_tf.parameter(0.7, low=0, high=1)

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users, np.shape(self.spread)[-1]], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

    def initial_state(self, draws):
        none = tf.zeros([draws.shape[0], self.num_brands], self.dtype)
        return State(draws, none + 1 / self.num_brands, none)

    def response(self, state, slate):
        taste = self.per_user("taste", 2) + self.per_user("spread", 2) * state.draws
        scores = tf.linalg.matvec(slate.documents.attributes, taste)
        bound = self.per_user("habit", 2) * state.loyalty + self.per_user("inertia", 2) * state.last
        scores += tf.gather(bound, slate.documents.brand, batch_dims=1)
        return MultinomialLogit()(scores, slate.mask)

    def update(self, state, slate, response, innovation):
        brands = tf.one_hot(slate.documents.brand, self.num_brands, dtype=self.dtype)
        bought = tf.einsum("bk,bkj->bj", response.clicked, brands)
        memory = self.per_user("memory", 2)
        return State(state.draws, memory * state.loyalty + (1 - memory) * bought, bought)

    def observe(self, state):
        return state.last


@gin.configurable(module="recsim_tf")
def read_shelf(table: Any, attributes: Sequence[str] = ("price", "feat"), **roles: str) -> Log:
    """The log of a table, or CSV file, with a row for each alternative of a purchase; a session is
    a household. Columns are named as in the package xlogit, or by roles of `from_table`.
    """
    columns = {"session": "id", "step": "chid", "document": "alt", "position": "place"}
    columns |= {"clicked": "choice", **roles}
    table = table if isinstance(table, pd.DataFrame) else pd.read_csv(table)
    places = table.reindex(columns=[columns[role] for role in ("session", "step", "document")])
    place = places.groupby([columns["session"], columns["step"]], dropna=False).cumcount()
    log = from_table(table.assign(place=place), columns, attributes=attributes, departed=False)
    if places.duplicated().any():
        row = places.duplicated().argmax()
        raise ValueError(f"row {row} of the table has an alternative that is in its choice already")
    return log._replace(hidden=np.stack(tf.nest.flatten(log.hidden), axis=-1))


@gin.configurable(module="recsim_tf")
def shelf(brands: int = 4, attributes: int = 2, brand_tastes: bool = True) -> recsim_tf.Simulator:
    """A shelf of J brands, all of them on the slate, before it is fitted."""
    num_tastes = attributes + (brands - 1) * brand_tastes
    users = Households(brands, np.zeros(num_tastes), np.ones(num_tastes))
    documents = Shelf(brands, attributes, brand_tastes)
    return recsim_tf.Simulator(users, documents, brands, brands, max_steps=50)


@gin.configurable(module="recsim_tf")
def shelf_parameters(brands: int = 4, attributes: int = 2) -> dict[str, Parameter]:
    """The parameters of a fit, with tastes of brands."""
    spread = np.repeat([1.0, 0.1], [brands - 1, attributes])
    starts = {"taste": 0 * spread, "spread": spread, "habit": 1.0, "inertia": 0.5}
    parameters = {f"users.{name}": Parameter(start) for name, start in starts.items()}
    return parameters | {"users.memory": Parameter(0.7, "unit")}
