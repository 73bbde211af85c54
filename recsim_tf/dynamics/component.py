# SPDX-License-Identifier: Apache-2.0
"""Components, which are parts of a state, branches between two of them, and users made of them."""

import inspect
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions.joint import joint, masked, part, record
from recsim_tf.core.models.models import Dynamics, UserModel


class Component(Dynamics):
    """A part of a state, with four stages of a `UserModel` that take a *control* in place of slate
    and response. A control drives the part in a step, such as the document that was clicked.

    All tensors have the rows, such as users, as leading axis, [B, ...]. A control is () where there
    is none. By default a component has no draws and does not change.

        class Counter(dynamics.Component):
            def initial_state(self, draws, num_rows):
                return tf.zeros([num_rows])

            def update(self, state, control, innovation):
                return state + 1

    Args:
      dtype: the dtype of computations, tf.float32 or tf.float64. Inside another component, or in
        `ComponentUsers`, it is the dtype of the outer model.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _share_dtype(self)

    def initial_draws(self, num_rows: int) -> tfd.Distribution | None:
        """The distribution, of batch shape [num_rows], of the draws that make rows differ at the
        start, or None where all rows start alike.
        """
        return None

    def initial_state(self, draws: Nest, num_rows: int) -> Nest:
        """Maps initial draws, or (), to the state [num_rows, ...], by default to the draws."""
        return draws

    def innovation(self, state: Nest, control: Nest) -> tfd.Distribution | None:
        """The distribution [B] of the noise in the update, or None where the update has none."""
        return None

    def update(self, state: Nest, control: Nest, innovation: Nest) -> Nest:
        """Maps state, control and innovation draw (() where there is none) to the next state."""
        return state

    def check_control(
        self, control: Nest, dtype: tf.DType, num_rows: int | tf.Tensor, *shape: int | None
    ) -> None:
        """Raises `ValueError` unless a control is a tensor [num_rows, *shape] of this dtype. None
        stands for an axis of any length.
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


def _share_dtype(model: Dynamics) -> None:
    """Gives the dtype of a model to the components in its fields."""
    for name, component in _components_of(model).items():
        if component.dtype != model.dtype:
            setattr(model, name, component.replaced(dtype=model.dtype))


def _components_of(model: Dynamics) -> dict[str, Component]:
    """The components in the fields of a model, by name."""
    return {field.name: value for field, value in model._fields() if isinstance(value, Component)}


class Keep(Component):
    """A branch of `Where` in which the state does not change."""


class Restart(Component):
    """A branch of `Where` in which the state is drawn anew, as at the start.

    Args:
      component: the component whose initial draws and initial state are used.
    """

    component: Component

    def initial_draws(self, num_rows: int):
        return self.component.initial_draws(num_rows)

    def initial_state(self, draws: Nest, num_rows: int):
        return self.component.initial_state(draws, num_rows)

    def innovation(self, state: Nest, control: Nest):
        return self.component.initial_draws(nests.num_rows(state))

    def update(self, state: Nest, control: Nest, innovation: Nest):
        return self.component.initial_state(innovation, nests.num_rows(state))


class Where(Component):
    """A component that changes as `then` in the rows where a condition holds, and as `otherwise` in
    other rows. Both have a state of the same structure.

    The control is a pair: the condition, bool [B], and the control of both components. The
    innovation of a row is drawn and scored only for the branch that it takes. The initial state
    comes from `then`, or from `otherwise` where `then` is `Keep()`. The parameters of the branches
    are separate: below, "then.component.initial_logits" is about the start of a mood, and
    "otherwise.logits" about its changes.

        Where(Keep(), History(3, (2,)))  # records where the condition does not hold
        Where(Restart(mood), mood)  # starts anew where it holds

    Args:
      then: the component where the condition holds.
      otherwise: the component elsewhere.
    """

    then: Component
    otherwise: Component

    def check(self):
        if isinstance(self.then, Keep) and isinstance(self.otherwise, Keep):
            raise ValueError("otherwise must not be Keep() where then is Keep()")

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
                expected, got = _described(state), _described(branch)
                raise ValueError(f"{name} must have the state {expected} as before, got {got}")
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


class ComponentUsers(UserModel):
    """Users whose state has a part for each component. The parts are independent given the controls
    that drive them.

    Components are fields. The state is a NamedTuple with the state of each component by the name of
    its field. Initial draws and innovations are NamedTuples of the components that draw. The
    subclass has the methods `controls`, `response` and `observe`:

        class Moody(dynamics.ComponentUsers):
            taste: dynamics.Component = dynamics.LinearGaussian(2, initial_scale=1.0, gain=0.2)
            mood: dynamics.Component = dynamics.MarkovChain(logits=((2.0, 0.0), (0.0, 2.0)))

            def controls(self, state, slate, response):
                clicked = response.clicked[:, :, tf.newaxis]
                return {"taste": tf.reduce_sum(clicked * slate.documents, axis=1)}

    A parameter of a component has a name with a dot, "taste.gain".

    Args:
      dtype: the dtype of the users and of all components, tf.float32 or tf.float64.

    Raises:
      ValueError: if no field holds a component; in `initial_draws`, if no component draws at the
        start.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        annotations = inspect.get_annotations(cls)
        for name, value in vars(cls).items():
            if isinstance(value, Component) and name not in annotations:
                raise TypeError(
                    f"{cls.__name__}.{name} must be annotated, as {name}: Component = ..., to be a"
                    " field"
                )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.components:
            raise ValueError(f"{type(self).__name__} must have a field with a Component, got none")
        _share_dtype(self)

    @property
    def components(self) -> dict[str, Component]:
        """The components by the names of their fields."""
        return _components_of(self)

    def controls(self, state: Nest, slate: Slate, response: Nest) -> Mapping[str, Nest]:
        """The controls that drive the components, nests of [B, ...] by name. A component that is
        left out has the control (). By default all are left out.
        """
        return {}

    def initial_draws(self, num_users: int):
        draws = {name: each.initial_draws(num_users) for name, each in self.components.items()}
        distribution = joint("InitialDraw", draws)
        if distribution is None:
            raise ValueError(
                f"{type(self).__name__} must have a component that draws something at the start,"
                f" got {', '.join(self.components)}"
            )
        return distribution

    def initial_state(self, draws: Nest):
        num_users = nests.num_rows(draws)
        states = {
            name: component.initial_state(part(draws, name), num_users)
            for name, component in self.components.items()
        }
        return record("UserState", states)

    def innovation(self, state: Nest, slate: Slate, response: Nest):
        controls = self._controls(state, slate, response)
        draws = {
            name: component.innovation(part(state, name), controls.get(name, ()))
            for name, component in self.components.items()
        }
        return joint("Innovation", draws)

    def update(self, state: Nest, slate: Slate, response: Nest, innovation: Nest):
        controls = self._controls(state, slate, response)
        updated = {
            name: component.update(
                part(state, name), controls.get(name, ()), part(innovation, name)
            )
            for name, component in self.components.items()
        }
        return state._replace(**updated)

    def _controls(self, state: Nest, slate: Slate, response: Nest) -> Mapping[str, Nest]:
        controls = self.controls(state, slate, response)
        if not isinstance(controls, Mapping) or not set(controls) <= set(self.components):
            names = ", ".join(self.components)
            raise ValueError(f"controls must be a dict of {names}, got {shown(controls)}")
        return controls
