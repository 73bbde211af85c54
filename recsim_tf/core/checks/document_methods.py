"""Document models whose methods are checked at every call."""

from typing import Any

import tensorflow as tf

from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.checks.methods import Method
from recsim_tf.core.checks.returns import (
    check_bounds,
    check_distribution,
    check_like,
    check_tensors,
    checked,
    checked_or_none,
)
from recsim_tf.core.models.models import DocumentModel


class CheckedDocuments(DocumentModel):
    """Documents that check the result of every method of a document model. A fault is a one-line
    `ValueError`.
    """

    documents: DocumentModel
    num_corpora: int  # W
    num_candidates: int  # N

    @property
    def shared(self):
        return self.documents.shared

    def initial_draws(self, num_corpora: int):
        return checked_or_none(self.documents, "initial_draws", num_corpora, **self._corpora)

    def initial_state(self, draws: Nest, num_corpora: int):
        arguments = ("initial_state", draws, num_corpora)
        return checked(self.documents, *arguments, may_be_empty=True, **self._corpora)

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        method = Method.of(self.documents, "candidates")
        axes = {**self._corpora, "candidates": self.num_candidates}
        return check_distribution(method, num_corpora, num_candidates, corpus, user, **axes)[0]

    def describe(self, draw: Nest, corpus: Nest):
        return checked(self.documents, "describe", draw, corpus, **self._axes(draw))

    def reveal(self, documents: Nest):
        return checked_or_none(self.documents, "reveal", documents, **self._axes(documents))

    def show(self, documents: Nest, hidden: Nest):
        return checked(self.documents, "show", documents, hidden, **self._axes(documents))

    def innovation(self, corpus: Nest, slate: Slate, response: Nest):
        arguments = ("innovation", corpus, slate, response)
        return checked_or_none(self.documents, *arguments, **self._corpora)

    def update(self, corpus: Nest, slate: Slate, response: Nest, innovation: Nest):
        method = Method.of(self.documents, "update")
        updated = method.pure(corpus, slate, response, innovation)
        check_like(method, updated, corpus, "initial_state")
        check_tensors(method, updated, may_be_empty=True, **self._corpora)
        return updated

    def observe(self, documents: Nest):
        observation = checked(self.documents, "observe", documents, **self._axes(documents))
        check_bounds(self.documents, "observe", observation, "observation_bounds")
        return observation

    @property
    def _corpora(self) -> dict[str, Any]:
        """The axis of corpora."""
        return {"worlds" if self.shared else "users": self.num_corpora}

    def _axes(self, documents: Nest) -> dict[str, Any]:
        """The axes of candidates, or of the documents of a slate."""
        rows, num_documents = tf.nest.flatten(documents)[0].shape[:2]
        # The slates of a shared corpus have a row for each user.
        axes = self._corpora if rows == self.num_corpora else {"users": rows}
        return {**axes, "documents": num_documents}
