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
      num_corpora: W.
      num_candidates: N.
    """

    documents: DocumentModel
    num_corpora: int
    num_candidates: int

    @property
    def shared(self):
        return self.documents.shared

    def initial_draws(self, num_corpora):
        method = Method.of(self.documents, "initial_draws")
        if method(num_corpora) is None:
            return None
        return check_distribution(method, num_corpora, **self._corpora)[0]

    def initial_state(self, draws, num_corpora):
        method = Method.of(self.documents, "initial_state")
        corpus = method.pure(draws, num_corpora)
        check_tensors(method, corpus, may_be_empty=True, **self._corpora)
        return corpus

    def candidates(self, num_corpora, num_candidates, corpus, user):
        method = Method.of(self.documents, "candidates")
        axes = {**self._corpora, "candidates": self.num_candidates}
        return check_distribution(method, num_corpora, num_candidates, corpus, user, **axes)[0]

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

    def innovation(self, corpus, slate, response):
        method = Method.of(self.documents, "innovation")
        if method(corpus, slate, response) is None:
            return None
        return check_distribution(method, corpus, slate, response, **self._corpora)[0]

    def update(self, corpus, slate, response, innovation):
        method = Method.of(self.documents, "update")
        updated = method.pure(corpus, slate, response, innovation)
        check_like(method, updated, corpus, "initial_state")
        check_tensors(method, updated, may_be_empty=True, **self._corpora)
        return updated

    def observe(self, documents):
        method = Method.of(self.documents, "observe")
        observation = method.pure(documents)
        check_tensors(method, observation, **self._axes(documents))
        bounds = Method.of(self.documents, "observation_bounds")
        check_bounds(method, observation, bounds(), bounds)
        return observation

    @property
    def _corpora(self) -> dict[str, int]:
        """The axis of corpora."""
        return {"worlds" if self.shared else "users": self.num_corpora}

    def _axes(self, documents: Nest) -> dict[str, int]:
        """The axes of candidates, or of the documents of a slate."""
        rows, num_documents = tf.nest.flatten(documents)[0].shape[:2]
        # Slates of a shared corpus are those of users.
        axes = self._corpora if rows == self.num_corpora else {"users": rows}
        return {**axes, "documents": num_documents}
