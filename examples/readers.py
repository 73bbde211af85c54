"""The user model of log_to_model.py, in a module of its own so that fits of it can be saved."""

from typing import NamedTuple

import recsim_tf
import tensorflow as tf
from tensorflow_probability import distributions as tfd


class Reader(NamedTuple):
    """What a reader draws, [B] each."""

    phone: tf.Tensor
    taste: tf.Tensor


class Readers(recsim_tf.UserModel):
    """Readers who click on any number of articles that they look at and like."""

    taste: tuple = recsim_tf.parameter((0.0, 0.0), rank=1)  # mean on a computer, on a phone
    looks: tuple = recsim_tf.parameter((0.5, 0.5), rank=1, low=0, high=1)  # one position further
    spread: float = recsim_tf.parameter(0.5, above=0)
    liking: tuple = recsim_tf.parameter((0.0, 0.0), rank=1)  # level, effect of quality

    def initial_draws(self, num_users):
        """The device, and a taste that depends on it."""

        def taste(phone):
            return tfd.Normal(self.on_device("taste", phone), self.per_user("spread"))

        phone = tfd.Bernoulli(probs=tf.fill([num_users], 0.6))
        return tfd.JointDistributionNamed(Reader(phone, taste))

    def response(self, state, slate):
        """Clicks [B, K]."""
        quality, topic = tf.unstack(slate.documents.factors, axis=2)
        level, effect = tf.unstack(self.per_user("liking", 3), axis=-1)
        liking = level + effect * quality + state.taste[:, tf.newaxis] * topic
        looks = self.on_device("looks", state.phone)[:, tf.newaxis]
        looked_at = looks ** tf.range(float(slate.mask.shape[1]))
        looked_at = tf.where(slate.mask, looked_at, 0.0)  # nobody clicks an empty position
        return tfd.Independent(tfd.Bernoulli(probs=looked_at * tf.sigmoid(liking)), 1)

    def outcome(self, state, slate, draw):
        """The clicks as weights."""
        return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    def observe(self, state):
        """Agents see the device."""
        return state.phone

    def on_device(self, name, phone):
        """A parameter, [B], by the device."""
        computer, mobile = tf.unstack(self.per_user(name, 2), axis=-1)
        return tf.where(phone == 1, mobile, computer)
