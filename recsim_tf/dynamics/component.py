"""The base of components, one part of a state each, and branches between two of them."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions.joint import joint, masked, part
from recsim_tf.core.models.models import Dynamics


class Component(Dynamics):
    """One part of a state: four stages of a `UserModel`, with a *control* in place of slate and
    response. A control drives the part in a step, such as the document that was clicked.

    All tensors have the rows, such as users, as leading axis, [B, ...]. A control is () where there
    is none. By default a component has no draws and does not change.

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
        return None

    def initial_state(self, draws: Nest, num_rows: int) -> Nest:
        """Maps initial draws (() where there are none) to the state, a nest of [num_rows, ...]; by
        default the draws themselves.
        """
        return draws

    def innovation(self, state: Nest, control: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of the noise in the update, or None where the
        update has none.
        """
        return None

    def update(self, state: Nest, control: Nest, innovation: Nest) -> Nest:
        """Maps state, control and innovation draw (() where there is none) to the next state."""
        return state

    def check_control(
        self, control: Nest, dtype: tf.DType, num_rows: int | tf.Tensor, *shape: int | None
    ) -> None:
        """Requires a control to be a tensor [num_rows, *shape] of this dtype; None stands for an
        axis of any length. Raises `ValueError`.
        """
        expected = tf.TensorShape([None if tf.is_tensor(num_rows) else num_rows, *shape])
        got = type(control).__name__
        if tf.is_tensor(control):
            if control.dtype == dtype and control.shape.is_compatible_with(expected):
                return
            got = f"{control.dtype.name} {control.shape}"
        raise ValueError(
            f"the control of {type(self).__name__} must be {dtype.name} {expected.as_list()}, got"
            f" {got}"
        )


def share_dtype(model: Dynamics) -> None:
    """Gives the components in the fields of a model its dtype."""
    for name, component in components_of(model).items():
        if component.dtype != model.dtype:
            setattr(model, name, component.replaced(dtype=model.dtype))


def components_of(model: Dynamics) -> dict[str, Component]:
    """The components in the fields of a model, by name."""
    return {field.name: value for field, value in model._fields() if isinstance(value, Component)}


class Keep(Component):
    """A branch of `Where` in which the state stays as it is."""


class Restart(Component):
    """A branch of `Where` in which the state starts anew: it is drawn as at the start.

    Args:
      component: how it starts.
    """

    component: Component

    def check(self):
        validation.check_type("component", self.component, Component)

    def initial_draws(self, num_rows: int):
        return self.component.initial_draws(num_rows)

    def initial_state(self, draws: Nest, num_rows: int):
        return self.component.initial_state(draws, num_rows)

    def innovation(self, state: Nest, control: Nest):
        return self.component.initial_draws(nests.num_rows(state))

    def update(self, state: Nest, control: Nest, innovation: Nest):
        return self.component.initial_state(innovation, nests.num_rows(state))


class Where(Component):
    """Changes as one component in the rows where a condition holds, else as another; both have a
    state of the same structure.

    The control is a pair: the condition, bool [B], and the control of both components. The
    innovation of a row is drawn and scored for the branch that it takes alone. The state starts as
    that of `then`, or as that of `otherwise` where `then` is `Keep()`. Each branch has parameters
    of its own: below, "then.component.initial_logits" is how a mood starts, and "otherwise.logits"
    how it changes.

        Where(Keep(), History(3, (2,)))  # records where the condition does not hold
        Where(Restart(mood), mood)  # starts anew where it holds

    Args:
      then: the component where the condition holds.
      otherwise: the component elsewhere.
    """

    then: Component
    otherwise: Component

    def check(self):
        validation.check_type("then", self.then, Component)
        validation.check_type("otherwise", self.otherwise, Component)
        if isinstance(self.then, Keep) and isinstance(self.otherwise, Keep):
            raise ValueError("otherwise must be another component than Keep() where then is Keep()")

    @property
    def _first(self) -> Component:
        return self.otherwise if isinstance(self.then, Keep) else self.then

    def initial_draws(self, num_rows: int):
        return self._first.initial_draws(num_rows)

    def initial_state(self, draws: Nest, num_rows: int):
        return self._first.initial_state(draws, num_rows)

    def innovation(self, state: Nest, control: Nest):
        condition, control = self._split(state, control)
        return joint(
            "Branches",
            {
                "then": masked(self.then.innovation(state, control), condition),
                "otherwise": masked(self.otherwise.innovation(state, control), ~condition),
            },
        )

    def update(self, state: Nest, control: Nest, innovation: Nest):
        condition, control = self._split(state, control)
        updated = []
        for name in ("then", "otherwise"):
            branch = self._value(name).update(state, control, part(innovation, name))
            if _described(branch) != _described(state):
                expected, found = _described(state), _described(branch)
                raise ValueError(f"{name} must have the state {expected} as before, got {found}")
            updated.append(branch)
        return nests.where(condition, *updated)

    def _split(self, state: Nest, control: Nest) -> tuple[tf.Tensor, Nest]:
        if not isinstance(control, tuple) or len(control) != 2:
            got = type(control).__name__
            raise ValueError(f"the control of Where must be (condition, control), got {got}")
        condition, inner = control
        self.check_control(condition, tf.bool, nests.num_rows(state))
        return condition, inner


def _described(state: Nest) -> Nest:
    """The dtypes and shapes of a state."""
    return tf.nest.map_structure(lambda leaf: (leaf.dtype.name, leaf.shape.as_list()), state)
