"""Users who are composed of components."""

import inspect
from collections.abc import Mapping
from typing import Any

from recsim_tf.core import nests
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions.joint import joint, part, record
from recsim_tf.core.models.models import UserModel
from recsim_tf.dynamics.component import Component, components_of, share_dtype


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
        share_dtype(self)

    @property
    def components(self) -> dict[str, Component]:
        """The components by the names of their fields."""
        return components_of(self)

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
