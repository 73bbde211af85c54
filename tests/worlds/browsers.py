# SPDX-License-Identifier: Apache-2.0
"""Users whom a log knows in part, and who choose among documents of a small catalogue."""

from typing import Any, NamedTuple

import pandas as pd
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.policies import PlackettLucePolicy


class Browser(NamedTuple):
    """The initial draws of users."""

    device: Any
    age: Any
    taste: Any


class State(NamedTuple):
    user: Browser
    num_clicks: Any


class Browsers(recsim_tf.UserModel):
    """Users of a device, an age and a hidden taste. Agents see the first two, and how many clicks
    there were before; and the taste if it is not hidden.
    """

    is_hidden: bool = True

    def initial_draws(self, num_users):
        numbers = tfd.Normal(tf.zeros([num_users]), 1.0)
        device = tfd.Categorical(logits=tf.zeros([num_users, 2]))
        return tfd.JointDistributionNamed(Browser(device, numbers, numbers))

    def initial_state(self, draws):
        return State(draws, tf.zeros_like(draws.device))

    def response(self, state, slate):
        liking = tf.cast(slate.documents, tf.float32) * state.user.taste[:, tf.newaxis]
        return recsim_tf.choice.MultinomialLogit(0.0)(liking, slate.mask)

    def update(self, state, slate, response, innovation):
        clicks = tf.cast(tf.reduce_sum(response.clicked, axis=1), tf.int32)
        return state._replace(num_clicks=state.num_clicks + clicks)

    def observe(self, state):
        seen = {"device": state.user.device, "age": state.user.age, "clicks": state.num_clicks}
        return seen if self.is_hidden else seen | {"taste": state.user.taste}


class Catalogue(recsim_tf.DocumentModel):
    """Ids, of which agents see ten times the number."""

    num_documents: int = 3

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(self.num_documents, num_users, num_candidates, replacement=False)

    def observe(self, documents):
        return {"tens": 10 * documents}


def browsers(num_documents=3, **users) -> recsim_tf.Simulator:
    """The simulator of slates of two of three documents."""
    return recsim_tf.Simulator(Browsers(**users), Catalogue(num_documents=num_documents), 2, 3)


def by_device(sharpness: float) -> PlackettLucePolicy:
    """Shows large documents on the first device and small ones on the second, the more so the more
    clicks there were.
    """

    def logits(seen):
        sign = tf.where(seen.user["device"] == 0, 0.05, -0.05)
        factor = sign * (1 + tf.cast(seen.user["clicks"], tf.float32))
        return sharpness * factor[:, tf.newaxis] * tf.cast(seen.documents["tens"], tf.float32)

    return PlackettLucePolicy.of_logits(logits, 2)


def table_of(trajectory: Trajectory, **columns: Any) -> pd.DataFrame:
    """The rows of a rollout: sessions, steps, positions, documents, clicks, devices and ages, and
    columns [S, T] of the slates.
    """
    transitions, user = trajectory.transitions, trajectory.initial.user
    offered = tf.concat([trajectory.initial.candidates[None], transitions.draws.candidates], 0)
    documents = tf.gather(offered[:-1], transitions.slate, batch_dims=2).numpy()
    clicked = transitions.response.clicked.numpy()
    return pd.DataFrame(
        [
            {
                "session": f"{session:04d}",
                "step": step,
                "position": position,
                "document": documents[step, session, position],
                "clicked": int(clicked[step, session, position]),
                "device": int(user.device[session]),
                "age": float(user.age[session]),
                **{name: values[session, step] for name, values in columns.items()},
            }
            for step, session, position in tf.where(transitions.slate >= 0).numpy()
        ]
    )
