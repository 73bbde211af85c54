"""A posterior for each session of the initial draws that a log lacks, and a lower bound."""

import dataclasses

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.fitting.likelihood.batches import SessionScore
from recsim_tf.fitting.likelihood.exact import InitialLikelihood
from recsim_tf.fitting.likelihood.missing import Part
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.unconstrained import bijector_to


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MeanField(InitialLikelihood):
    """A lower bound on the log of the evidence, for logs that lack continuous initial draws, such
    as tastes. Each session gets a mean-field posterior of them, whose prior is the model's own
    distribution. The search must be `Minibatches`.

    Args:
      jit_compile: whether to compile with XLA.
    """

    def around(self, inner, part, fitted, num_users, num_sessions):
        del num_users
        part = self.required(part)
        prior = part.prior(fitted.simulator.users, num_sessions)
        return BoundScore(inner, part, prior, fitted.variables[0].dtype)


class BoundScore(SessionScore):
    """The lower bounds of the log-likelihoods of sessions, from a draw of each posterior.

    Args:
      inner: scores sessions that have the part.
      part: of the initial draws, which the sessions lack.
      prior: of the part, for all sessions of the log. Its parameters may change; its support may
        not.
      dtype: of the variables.

    Raises:
      ValueError: see `bijector_to`.
    """

    def __init__(self, inner: SessionScore, part: Part, prior: tfd.Distribution, dtype: tf.DType):
        super().__init__(inner)
        like = random.sample(prior, random.as_seed(0))
        unconstrained = bijector_to("initial draws", prior).inverse(like)
        locs = [tf.Variable(tf.zeros(leaf.shape, dtype)) for leaf in tf.nest.flatten(unconstrained)]
        self._posterior = MeanFieldPosterior(tf.nest.pack_sequence_as(like, locs), "initial_draws")
        self._part, self._num_sessions = part, tf.nest.flatten(like)[0].shape[0]
        self.variables = [*inner.variables, *self._posterior.variables]

    def __call__(self, simulator, sessions, rows, seeds):
        prior = self._part.prior(simulator.users, sessions.transitions.reward.shape[1])
        values, bonus = self._posterior.draw(
            prior.experimental_default_event_space_bijector(),
            random.split_seed(seeds.initial, len(tf.nest.flatten(self._posterior.locs))),
            rows,
        )
        complete = self._part.put_into(sessions, values)
        return self.inner(simulator, complete, rows, seeds.of_inner()) + bonus

    def initial_draws(self, users):
        prior = self._part.prior(users, self._num_sessions)
        return self._posterior.center(prior.experimental_default_event_space_bijector())
