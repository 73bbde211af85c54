# SPDX-License-Identifier: Apache-2.0
"""The number of users of a simulation, and their worlds."""

from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.step.stages import Models


@checked
def check_num_users(models: Models, num_users: Count) -> None:
    """Checks a number of users; see `Simulator.check_num_users`."""
    if models.num_users not in (None, num_users):
        raise ValueError(
            f"num_users must be {models.num_users}, for which the models have parameters, got"
            f" {num_users}"
        )
    num_corpora = models.corpora.number(num_users)
    for name, number in models.users_of_parameters().items():
        if name.startswith("documents.") and models.documents.shared:
            if number not in (1, num_corpora):
                raise ValueError(
                    f"{name} must have one value, or one for each of {num_corpora} worlds, got"
                    f" {number}"
                )
        elif number not in (1, num_users):
            raise ValueError(
                f"num_users must be {number}, for which {name} has values, got {num_users}"
            )


def check_worlds(documents: DocumentModel, users_per_world: int | None) -> None:
    """Raises `ValueError` if there are worlds though users share no corpus."""
    if users_per_world is not None and not documents.shared:
        raise ValueError(
            "users_per_world must be None, since users share no corpus of"
            f" {type(documents).__name__}, got {users_per_world}"
        )


def check_one_by_one(reader: str, documents: DocumentModel) -> None:
    """Requires documents that do not depend on the state of a corpus that users share, and raises
    `ValueError` otherwise. The error names the reader of single sessions.
    """
    if documents.shows_state and documents.has_state:
        raise ValueError(
            f"{reader} must be of documents that do not depend on the state of a corpus that users"
            f" share, got {type(documents).__name__}, whose documents depend on it"
        )
