"""Integer fields under relaxation: they may be passed on, but a mixture of documents has none to be read."""

from typing import NoReturn

import tensorflow as tf
import tree

from recsim_tf.core.types import Nest


class Label:
    """Stands where a nest of relaxed documents or responses had an integer or a bool; whoever computes with it gets an error.

    Args:
      name: of the field, for the error.
    """

    def __init__(self, name: str):
        self._name = name

    def refuse(self, *args, **kwargs) -> NoReturn:
        """Raises a ValueError."""
        raise ValueError(
            f"{self._name} is an integer or bool, which has no mixture over candidates or choices, but a model, the reward or the policy "
            "computes with it: to be relaxed they must read float fields instead, for example a one-hot encoding"
        )

    def __getattr__(self, name):
        # TensorFlow looks for protocols in private attributes.
        if name.startswith("_"):
            raise AttributeError(name)
        self.refuse()


def _refuse(self, *args, **kwargs):
    self.refuse()


for _operator in (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "pow", "neg", "abs", "and", "or", "invert"),
    *("eq", "ne", "lt", "le", "gt", "ge", "getitem", "len", "iter", "bool", "int", "float", "index", "array"),
):
    setattr(Label, f"__{_operator}__", _refuse)
Label.__hash__ = object.__hash__  # type: ignore[method-assign]

tf.register_tensor_conversion_function(Label, lambda value, dtype=None, name=None, as_ref=False: value.refuse())


def field_name(owner: str, path: tuple) -> str:
    """The name of a leaf, as in `documents.cluster_id`."""
    return ".".join([owner, *map(str, path)])


def hide_integers(owner: str, nest: Nest) -> Nest:
    """The nest with a `Label` in the place of each integer or bool."""

    def hide(path, leaf):
        return leaf if leaf.dtype.is_floating else Label(field_name(owner, path))

    return tree.map_structure_with_path(hide, nest)


def zeros_for_labels(nest: Nest, like: Nest) -> Nest:
    """The nest with zeros, of the dtype and shape in `like`, in the place of each `Label`: a loop carries tensors only."""
    return tf.nest.map_structure(lambda leaf, model: tf.zeros_like(model) if isinstance(leaf, Label) else leaf, nest, like)
