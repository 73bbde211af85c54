"""Documents under test."""

import tensorflow as tf

from recsim_tf.core.checks.methods import Method
from recsim_tf.core.checks.returns import (
    check_bounds,
    check_distribution,
    check_like,
    check_tensors,
)
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.types import Nest


class CheckedDocuments(DocumentModel):
    """Documents that check what every method of a document model returns; a fault is a one-line
    `ValueError`.

    Args:
      documents: the model under test.
      num_users: B.
      num_candidates: N.
    """

    documents: DocumentModel
    num_users: int
    num_candidates: int

    def initial_draws(self, num_users):
        method = Method.of(self.documents, "initial_draws")
        if method(num_users) is None:
            return None
        return check_distribution(method, num_users, users=self.num_users)[0]

    def initial_state(self, draws):
        method = Method.of(self.documents, "initial_state")
        corpus = method.pure(draws)
        check_tensors(method, corpus, may_be_empty=True, users=self.num_users)
        return corpus

    def candidates(self, num_users, num_candidates, corpus, user):
        method = Method.of(self.documents, "candidates")
        axes = {"users": self.num_users, "candidates": self.num_candidates}
        return check_distribution(method, num_users, num_candidates, corpus, user, **axes)[0]

    def describe(self, draw, corpus):
        method = Method.of(self.documents, "describe")
        documents = method.pure(draw, corpus)
        check_tensors(method, documents, **self._axes(draw))
        return documents

    def reveal(self, documents):
        method = Method.of(self.documents, "reveal")
        if method(documents) is None:
            return None
        return check_distribution(method, documents, **self._axes(documents))[0]

    def show(self, documents, hidden):
        method = Method.of(self.documents, "show")
        shown = method.pure(documents, hidden)
        check_tensors(method, shown, **self._axes(documents))
        return shown

    def update(self, corpus, slate, response):
        method = Method.of(self.documents, "update")
        updated = method.pure(corpus, slate, response)
        check_like(method, updated, corpus, "initial_state")
        check_tensors(method, updated, may_be_empty=True, users=self.num_users)
        return updated

    def observe(self, documents):
        method = Method.of(self.documents, "observe")
        observation = method.pure(documents)
        check_tensors(method, observation, **self._axes(documents))
        bounds = Method.of(self.documents, "observation_bounds")
        check_bounds(method, observation, bounds(), bounds)
        return observation

    def _axes(self, documents: Nest) -> dict[str, int]:
        """The axes of candidates, or of the documents of a slate."""
        return {"users": self.num_users, "documents": tf.nest.flatten(documents)[0].shape[1]}
