"""Components that change in one way or another, row by row."""

from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.types import Nest
from recsim_tf.dynamics.component import Component
from recsim_tf.dynamics.named import joint, masked, part


class Keep(Component):
    """A branch of `Where` in which the state stays as it is."""


class Restart(Component):
    """A branch of `Where` in which the state starts anew: it is drawn as at the start.

    Args:
      component: how it starts.
    """

    component: Component

    def check(self):
        _check_component("component", self.component)

    def initial_draws(self, num_rows):
        return self.component.initial_draws(num_rows)

    def initial_state(self, draws, num_rows):
        return self.component.initial_state(draws, num_rows)

    def innovation(self, state, control):
        return self.component.initial_draws(nests.num_rows(state))

    def update(self, state, control, innovation):
        return self.component.initial_state(innovation, nests.num_rows(state))


class Where(Component):
    """Changes as one component in the rows where a condition holds, else as another; both have a
    state of the same structure.

    The control is a pair: the condition, bool [B], and the control of both components. The
    innovation of a row is drawn and scored for the branch that it takes alone. The state starts as
    that of `then`, or as that of `otherwise` where `then` is `Keep()`. The branches have parameters
    of their own, also where they are given the same component: here how a mood starts is
    "then.component.initial_logits", and how it changes is "otherwise.logits".

        Where(Keep(), History(3, (2,)))  # records where the condition does not hold
        Where(Restart(mood), mood)  # starts anew where it holds

    Args:
      then: the component where the condition holds.
      otherwise: the component elsewhere.

    Raises:
      ValueError: if a branch is no component, or if both are `Keep()`.
    """

    then: Component
    otherwise: Component

    def check(self):
        _check_component("then", self.then)
        _check_component("otherwise", self.otherwise)
        if isinstance(self.then, Keep) and isinstance(self.otherwise, Keep):
            raise ValueError("otherwise must be another component than Keep() where then is Keep()")

    @property
    def _first(self) -> Component:
        return self.otherwise if isinstance(self.then, Keep) else self.then

    def initial_draws(self, num_rows):
        return self._first.initial_draws(num_rows)

    def initial_state(self, draws, num_rows):
        return self._first.initial_state(draws, num_rows)

    def innovation(self, state, control):
        condition, control = self._split(state, control)
        return joint(
            "Branches",
            {
                "then": masked(self.then.innovation(state, control), condition),
                "otherwise": masked(self.otherwise.innovation(state, control), ~condition),
            },
        )

    def update(self, state, control, innovation):
        condition, control = self._split(state, control)
        branches = {"then": self.then, "otherwise": self.otherwise}
        updated = {
            name: branch.update(state, control, part(innovation, name))
            for name, branch in branches.items()
        }
        for name, nest in updated.items():
            _check_state(name, nest, state)
        return nests.where(condition, updated["then"], updated["otherwise"])

    def _split(self, state: Nest, control: Nest) -> tuple[tf.Tensor, Nest]:
        if not isinstance(control, tuple) or len(control) != 2:
            got = type(control).__name__
            raise ValueError(
                f"the control of Where must be a pair, a condition and a control, got {got}"
            )
        condition, inner = control
        self.check_control(condition, tf.bool, nests.num_rows(state))
        return condition, inner


def _check_component(name: str, value: Any) -> None:
    if not isinstance(value, Component):
        raise ValueError(f"{name} must be a Component, got {type(value).__name__}")


def _check_state(name: str, updated: Nest, state: Nest) -> None:
    """Requires the state of a branch to be like the state before it."""
    found, expected = (
        tf.nest.map_structure(lambda leaf: (leaf.dtype.name, leaf.shape.as_list()), nest)
        for nest in (updated, state)
    )
    if found != expected:
        raise ValueError(f"{name} must have a state of {expected}, as at the start, got {found}")
