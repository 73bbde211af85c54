"""The base of components: one part of a state, how it starts and how it changes."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.models import Dynamics
from recsim_tf.core.types import Nest


class Component(Dynamics):
    """One part of a state: the four stages of a `UserModel`, with a *control* in place of slate and
    response.

    A control is what drives the part in a step, such as the document that was clicked. All tensors
    have the rows, such as users, as leading axis, [B, ...]. What is random is drawn from the
    distributions; everything else is a differentiable map of the draws. By default a component has
    no draws and does not change.

        class Counter(dynamics.Component):
            def initial_state(self, draws, num_rows):
                return tf.zeros([num_rows])

            def update(self, state, control, innovation):
                return state + 1

    Args:
      dtype: in which it computes, tf.float32 or tf.float64; inside another component, or in
        `ComponentUsers`, that of the outer model.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        share_dtype(self)

    def initial_draws(self, num_rows: int) -> tfd.Distribution | None:
        """The distribution, of batch shape [num_rows], of the draws that make rows differ at the
        start; None where they start alike.
        """
        del num_rows
        return None

    def initial_state(self, draws: Nest, num_rows: int) -> Nest:
        """Maps initial draws (() where there are none) to the state, a nest of [num_rows, ...]; by
        default the draws themselves.
        """
        del num_rows
        return draws

    def innovation(self, state: Nest, control: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of the noise in the update, or None where the
        update has none.
        """
        del state, control
        return None

    def update(self, state: Nest, control: Nest, innovation: Nest) -> Nest:
        """Maps state, control (None where there is none) and innovation draw (() where there is
        none) to the next state; by default nothing changes.
        """
        del control, innovation
        return state

    def check_control(self, control: Nest, dtype: tf.DType, num_rows, *shape: int | None) -> None:
        """Requires a control of one tensor.

        Args:
          control: what was given.
          dtype: of the tensor.
          num_rows: B.
          *shape: of the control of one row; None for an axis of any length.

        Raises:
          ValueError: for something else.
        """
        rows = num_rows if isinstance(num_rows, int) else None
        expected = tf.TensorShape([rows, *shape])
        fits = tf.is_tensor(control) and control.dtype == dtype
        if not (fits and control.shape.is_compatible_with(expected)):
            axes = ", ".join("any" if axis is None else str(axis) for axis in [rows or "B", *shape])
            got = type(control).__name__
            if tf.is_tensor(control):
                got = f"{control.dtype.name} {control.shape}"
            raise ValueError(
                f"the control of {type(self).__name__} must be {dtype.name} [{axes}], got {got}"
            )


def share_dtype(model: Dynamics) -> None:
    """Gives the components in the fields of a model its dtype."""
    for name, component in components_of(model).items():
        if component.dtype != model.dtype:
            setattr(model, name, component.replaced(dtype=model.dtype))


def components_of(model: Dynamics) -> dict[str, Component]:
    """The components in the fields of a model, by name."""
    return {field.name: value for field, value in model._fields() if isinstance(value, Component)}
