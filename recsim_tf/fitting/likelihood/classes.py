"""Hidden classes of users, which are summed out exactly."""

import dataclasses
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.fitting.likelihood.batches import Lacking, SessionScore
from recsim_tf.fitting.likelihood.exact import InitialLikelihood
from recsim_tf.fitting.likelihood.missing import Part


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Classes(InitialLikelihood):
    """The exact sum over the classes of a user, for logs that lack a finite initial draw, such as
    the type of a user.

    Args:
      jit_compile: whether to compile with XLA.
    """

    has_scores: ClassVar[bool] = True

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        num_classes = part.num_classes(lacking.users, lacking.batch_size)
        if num_classes is None:
            raise ValueError(
                "likelihood must be MeanField() or Draws() for initial draws that are no class, got"
                f" {self}"
            )
        structure = part.prior(lacking.users, lacking.batch_size).dtype

        def score(simulator, sessions, rows, seeds):
            def of_class(number):
                values = tf.nest.pack_sequence_as(structure, [tf.fill(rows.shape, number)])
                return inner.score(simulator, part.put_into(sessions, values), rows, seeds)

            scores = [of_class(number) for number in range(num_classes)]
            return tf.reduce_logsumexp(tf.stack(scores), axis=0)

        return inner._replace(score=score)
