# SPDX-License-Identifier: Apache-2.0
"""Users who meet the same documents, as in RecSim's multi-user environment."""

from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.corpora import UNREADABLE
from recsim_tf.core.base.types import Nest
from recsim_tf.core.models.models import DocumentModel


@configurable
class SharedCandidates(DocumentModel):
    """Documents of which all users of a world meet the same N candidates in each step, as in
    `MultiUserEnvironment` of RecSim 0.2.4.

    Candidates and hidden attributes are drawn once for a world, so that two users who are shown the
    same document meet the same hidden attributes. By default all B users are one world;
    `Simulator(users_per_world=U)` makes worlds of U users.

    A simulator of these documents runs until all users have left (`Simulator.fold`). The states of
    users who leave earlier do not change until then.

        documents = recsim_tf.SharedCandidates(UtilityVideos())
        simulator = recsim_tf.interest_evolution(documents=documents)

    Args:
      documents: the document model, without corpus state.

    Raises:
      ValueError: if the model has a corpus state, or candidates that depend on the users.
    """

    documents: DocumentModel

    shared = True

    def check(self):
        name = type(self.documents).__name__
        if self.documents.has_state:
            raise ValueError(
                f"documents must have no corpus state to be shared by users, got {name}"
            )
        try:
            self.documents.candidates(1, 1, (), UNREADABLE)
        except ValueError as error:
            raise ValueError(
                f"documents must not depend on the users who share them, got {name}: {error}"
            ) from error

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        return self.documents.candidates(num_corpora, num_candidates, corpus, user)

    def describe(self, draw: Nest, corpus: Nest):
        return self.documents.describe(draw, corpus)

    def reveal(self, documents: Nest):
        return self.documents.reveal(documents)

    def show(self, documents: Nest, hidden: Nest):
        return self.documents.show(documents, hidden)

    def observe(self, documents: Nest):
        return self.documents.observe(documents)

    def observation_bounds(self):
        return self.documents.observation_bounds()
