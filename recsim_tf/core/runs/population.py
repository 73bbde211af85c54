"""How many users a simulation is for, and of which worlds."""

from recsim_tf.core.base import validation
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.step.stages import Models


def check_num_users(models: Models, num_users: int) -> None:
    """See `Simulator.check_num_users`."""
    validation.check_count(num_users=num_users)
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
    """Requires worlds only where users share a corpus; raises `ValueError`."""
    if users_per_world is not None and not documents.shared:
        raise ValueError(
            "users_per_world must be None, since users share no corpus of"
            f" {type(documents).__name__}, got {users_per_world}"
        )


def check_one_by_one(reader: str, documents: DocumentModel) -> None:
    """Requires documents that do not depend on a corpus that users share, for a reader of single
    sessions, which the error names; raises `ValueError`.
    """
    if documents.shows_state and documents.has_state:
        raise ValueError(
            f"{reader} must be of documents that do not depend on a corpus that users share, got"
            f" {type(documents).__name__}, which users meet as its state makes them"
        )
