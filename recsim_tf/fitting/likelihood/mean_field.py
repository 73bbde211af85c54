"""A posterior for each session of the initial draws that a log lacks, and a lower bound."""

import dataclasses

import gin
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.fitting.likelihood.batches import Lacking, SessionScore
from recsim_tf.fitting.likelihood.exact import InitialLikelihood
from recsim_tf.fitting.likelihood.missing import Part
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.unconstrained import bijector_to


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MeanField(InitialLikelihood):
    """A lower bound on the log of the evidence, for logs that lack continuous initial draws, such
    as tastes. Each session gets a mean-field posterior of them, whose prior is the model's own
    distribution. The parameters of the prior may change; its support may not. The search must be
    `Minibatches`.

    Args:
      jit_compile: whether to compile with XLA.
    """

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        prior = part.prior(lacking.users, lacking.num_sessions)
        like = random.sample(prior, random.as_seed(0))
        unconstrained = bijector_to("initial draws", prior).inverse(like)
        locs = [
            tf.Variable(tf.zeros(leaf.shape, lacking.users.dtype))
            for leaf in tf.nest.flatten(unconstrained)
        ]
        posterior = MeanFieldPosterior(tf.nest.pack_sequence_as(like, locs), "initial_draws")

        def bijector(users, num_users):
            return part.prior(users, num_users).experimental_default_event_space_bijector()

        def score(simulator, sessions, rows, seeds):
            values, bonus = posterior.draw(
                bijector(simulator.users, rows.shape[0]),
                random.split_seed(seeds.initial, len(locs)),
                rows,
            )
            complete = part.put_into(sessions, values)
            return inner.score(simulator, complete, rows, seeds.of_inner()) + bonus

        return inner._replace(
            score=score,
            variables=(*inner.variables, *posterior.variables),
            initial_draws=lambda users: posterior.center(bijector(users, lacking.num_sessions)),
        )
