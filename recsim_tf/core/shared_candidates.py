"""Users who meet the same documents, as in RecSim's multi-user environment."""

from typing import NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import Shared
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.types import Nest


class SharedDraw(NamedTuple):
    """Draws of candidates with hidden attributes; leading axes [B, N] or [B, K], every row the
    same.
    """

    documents: Nest  # draws of the wrapped model's candidates
    hidden: Nest  # draws of their hidden attributes


class SharedDocuments(NamedTuple):
    """Documents with their hidden attributes; leading axes [B, N] or [B, K]."""

    documents: Nest  # of the wrapped model
    hidden: Nest  # draws of their hidden attributes, () where there are none


@gin.configurable
class SharedCandidates(DocumentModel):
    """Shows the same N candidates to all B users of a step, RecSim 0.2.4's `MultiUserEnvironment`.

    The candidates and their hidden attributes are drawn once for all users, so that two users who
    are shown the same document meet the same hidden attributes. `log_prob` counts each set once,
    for the first user, while that user is in session; the `documents` part of the other users is
    zero.

    A simulator of these documents runs until all users have left (`Simulator.fold`). Users who
    leave earlier stay as they are until then. In `Simulator.replace`, new users have a set of their
    own until the next step.

        documents = recsim_tf.SharedCandidates(UtilityVideos())
        simulator = recsim_tf.interest_evolution(documents=documents)

    Args:
      documents: the document model, without corpus state.

    Raises:
      ValueError: if the model has a corpus state, a parameter [B], or candidates that depend on the
        users.
    """

    documents: DocumentModel

    def check(self):
        if not isinstance(self.documents, DocumentModel):
            raise ValueError(
                f"documents must be a DocumentModel, got {type(self.documents).__name__}"
            )
        if self.documents.initial_draws(1) is not None:
            raise ValueError(
                "documents must have no corpus state to be shared by users, got"
                f" {type(self.documents).__name__}"
            )
        self._hides = self._probe()

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        drawn = self._candidates(num_candidates)
        if not self._hides:
            return Shared(drawn, num_users)
        return Shared(
            tfd.JointDistributionNamed(SharedDraw(documents=drawn, hidden=self._reveal)), num_users
        )

    def describe(self, draw, corpus):
        if not self._hides:
            return SharedDocuments(self.documents.describe(draw, corpus), ())
        return SharedDocuments(self.documents.describe(draw.documents, corpus), draw.hidden)

    def show(self, documents, hidden):
        del hidden
        return self.documents.show(documents.documents, documents.hidden)

    def observe(self, documents):
        return self.documents.observe(documents.documents)

    def observation_bounds(self):
        return self.documents.observation_bounds()

    def _candidates(self, num_candidates: int) -> tfd.Distribution:
        return self.documents.candidates(1, num_candidates, (), ())

    def _reveal(self, documents: Nest) -> tfd.Distribution | None:
        return self.documents.reveal(self.documents.describe(documents, ()))

    def _probe(self) -> bool:
        """Whether documents have hidden attributes. It draws a candidate, and so finds out whether
        candidates can be drawn without users.
        """
        seed = random.as_seed(0)
        name = type(self.documents).__name__
        message = (
            "documents must not depend on the users who share them (no parameter [B], no use of"
            f" `user`), got {name}"
        )
        try:
            draws = candidate = random.sample(self._candidates(1), seed)
            distribution = self._reveal(candidate)
            if distribution is not None:
                draws = (candidate, random.sample(distribution, seed))
        except (AttributeError, TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(message) from error
        if any(leaf.shape[0] != 1 for leaf in tf.nest.flatten(draws)):
            raise ValueError(message)
        return distribution is not None
