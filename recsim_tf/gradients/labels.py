"""Integer fields under relaxation: models may pass them on, but a mixture has no value to read."""

from typing import NoReturn

import tensorflow as tf

from recsim_tf.core.types import Nest


class Label:
    """Stands where a mixture of documents or responses would have an integer or a bool.

    Models may pass it on, as `outcome` does with the topic of a document. Computing with it is an
    error, since the numbers would mean nothing.

    Args:
      name: of the field, for the error.
    """

    def __init__(self, name: str):
        self._name = name

    def refuse(self, *args, **kwargs) -> NoReturn:
        """Raises a ValueError."""
        raise ValueError(
            f"{self._name} is an integer or bool, which has no mixture over candidates or choices,"
            " but a model or the reward computes with it: to be relaxed they must read float"
            " fields instead, for example a one-hot encoding"
        )

    def __getattr__(self, name):
        # TensorFlow and Python look for protocols in private attributes.
        if name.startswith("_"):
            raise AttributeError(name)
        self.refuse()

    # Without these, a comparison with a number would be False.
    __eq__ = __ne__ = __getitem__ = refuse  # type: ignore[assignment]
    __hash__ = object.__hash__  # type: ignore[assignment]


tf.register_tensor_conversion_function(
    Label, lambda value, dtype=None, name=None, as_ref=False: value.refuse()
)


def field_name(owner: str, path: tuple) -> str:
    """The name of a leaf, as in `documents.cluster_id`."""
    return ".".join([owner, *map(str, path)])


def refuse_labels(nest: Nest) -> Nest:
    """The nest, which must hold no `Label`."""
    for leaf in tf.nest.flatten(nest):
        if isinstance(leaf, Label):
            leaf.refuse()
    return nest


def zeros_for_labels(nest: Nest, like: Nest) -> Nest:
    """The nest with zeros, of the dtype and shape in `like`, in the place of each `Label`: a loop
    carries tensors only.
    """
    return tf.nest.map_structure(
        lambda leaf, model: tf.zeros_like(model) if isinstance(leaf, Label) else leaf, nest, like
    )
