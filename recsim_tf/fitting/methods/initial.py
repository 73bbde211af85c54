# SPDX-License-Identifier: Apache-2.0
"""The base class of methods for logs that lack initial draws of the users."""

import abc
import dataclasses

import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.proposals import copied_sessions
from recsim_tf.fitting.methods.scores import EXACT, Lacking, Scored, SessionScore
from recsim_tf.fitting.methods.session_method import SessionMethod
from recsim_tf.logs.missing import Part


@dataclasses.dataclass(frozen=True)
class InitialMethod(SessionMethod):
    """A method for logs that lack initial draws of the users, all of them or some fields, in all
    sessions or in some. Where several fields are missing, a finite one is summed out exactly.
    """

    @property
    def of_new_users(self) -> "InitialMethod":
        """See `Method.of_new_users`."""
        return self

    def session_score(self, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.session_score`."""
        return self.around(EXACT, lacking)

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.known_score`."""
        return self.around(inner, lacking)

    def around(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of sessions that lack parts, from the score of sessions that have them. Raises
        the error of `session_score`.
        """
        if not lacking.parts:
            raise ValueError(
                f"method must not have {self} for a log that has the users' initial draws"
            )
        for part in reversed(lacking.parts):
            is_finite = part.num_classes(lacking.users, lacking.batch_size) is not None
            if is_finite and len(lacking.parts) > 1:
                score, treatment = over_classes(part, inner, lacking), SUMMED_OUT
            else:
                score, treatment = self.without(part, inner, lacking), self.treatment
            words = f"{part.described} {treatment}", *inner.latents
            inner = score._replace(latents=words)
        return inner

    @property
    @abc.abstractmethod
    def treatment(self) -> str:
        """The treatment of a part in words, which stand after the name of the part."""

    @abc.abstractmethod
    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of `around`, for a part that is missing."""


SUMMED_OUT = "summed out"


def over_classes(part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
    """The exact sum over the classes of a part. All classes are scored at once, side by side on the
    axis of sessions. Raises a ValueError for a part that is no class.
    """
    num_classes = part.num_classes(lacking.users, lacking.batch_size)
    if num_classes is None:
        raise ValueError(
            "method must be MeanField() or Draws() for initial draws that are no class, got"
            " Classes()"
        )
    structure = part.prior(lacking.users, lacking.batch_size).dtype
    (dtype,) = tf.nest.flatten(structure)

    def score(simulator: Simulator, sessions, rows, seeds):
        size = rows.shape[0]
        classes = tf.repeat(tf.range(num_classes), size)
        values = tf.nest.pack_sequence_as(structure, [tf.cast(classes, dtype)])
        simulator, sessions, all_rows = copied_sessions(simulator, sessions, rows, num_classes)
        scored = inner.score(simulator, part.filled(sessions, values), all_rows, seeds)
        by_class = tf.reshape(scored.log_likelihood, [num_classes, size])
        total = tf.reduce_logsumexp(by_class, axis=0)
        is_known = part.known(sessions)
        # A known class is the same in all summands.
        log_likelihood = (
            total if is_known is None else tf.where(is_known[:size], by_class[0], total)
        )
        if scored.effective_draws is None:
            return Scored(log_likelihood)
        counts = tf.reshape(scored.effective_draws, by_class.shape)
        # Their mean over the classes, of the probabilities that the session gives them.
        mean = tf.math.multiply_no_nan(counts, tf.nn.softmax(by_class, axis=0))
        return Scored(log_likelihood, tf.reduce_sum(mean, axis=0))

    return inner._replace(score=score)
