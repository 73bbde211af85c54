"""Hidden classes of users, which are summed out exactly."""

import dataclasses
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.fitting.likelihood.batches import SessionScore
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

    def around(self, inner, part, fitted, num_users, num_sessions):
        part = self.required(part)
        num_classes = part.num_classes(fitted.simulator.users, num_users)
        if num_classes is None:
            raise ValueError(
                "likelihood must be MeanField() or Draws() for initial draws that are no finite"
                f" class, got {self}"
            )
        return ClassScore(inner, part, num_classes)


class ClassScore(SessionScore):
    """The sum of the likelihoods of sessions over the C classes that their users may have."""

    def __init__(self, inner: SessionScore, part: Part, num_classes: int):
        super().__init__(inner)
        self._part, self._num_classes = part, num_classes

    def __call__(self, simulator, sessions, rows, seeds):
        num_users = sessions.transitions.reward.shape[1]
        structure = self._part.prior(simulator.users, num_users).dtype

        def of_class(number):
            values = tf.nest.pack_sequence_as(structure, [tf.fill([num_users], number)])
            return self.inner(simulator, self._part.put_into(sessions, values), rows, seeds)

        scores = [of_class(number) for number in range(self._num_classes)]
        return tf.reduce_logsumexp(tf.stack(scores), axis=0)
