"""The environments of `recsim_tf.register` under Gymnasium's names."""

from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from recsim_tf import registry
from recsim_tf.adapters.gymnasium.environments import (
    GymnasiumEnvironment,
    GymnasiumVectorEnvironment,
)
from recsim_tf.core.simulator import Simulator
from recsim_tf.support.errors import one_line

_PACKAGE = "recsim_tf.adapters.gymnasium"


def register_environments() -> None:
    """Makes "Name-v0" of `recsim_tf.register` known to Gymnasium as "recsim_tf/Name-v0".

    The import of `recsim_tf.adapters.gymnasium` calls it. Call it again for environments that are
    registered later.
    """
    for environment_id in registry.registered():
        name = f"recsim_tf/{environment_id}"
        if name not in gymnasium.registry:
            # Names, so that a spec can be written to a file and read by another process.
            gymnasium.register(
                name,
                entry_point=f"{_PACKAGE}:make_environment",
                vector_entry_point=f"{_PACKAGE}:make_vector_environment",
                kwargs={"environment_id": environment_id},
            )


def make_environment(
    environment_id: str, seed: int | None = None, flatten: bool = False, **kwargs
) -> GymnasiumEnvironment:
    """What `gymnasium.make("recsim_tf/...")` calls.

    Args:
      environment_id: an id of `recsim_tf.register`.
      seed, flatten: arguments of `GymnasiumEnvironment`.
      **kwargs: arguments of `recsim_tf.make`.
    """
    return GymnasiumEnvironment(_simulator(environment_id, kwargs), seed, flatten)


def make_vector_environment(
    environment_id: str,
    num_envs: int,
    seed: int | None = None,
    flatten: bool = False,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    **kwargs,
) -> GymnasiumVectorEnvironment:
    """What `gymnasium.make_vec("recsim_tf/...")` calls.

    Args:
      environment_id: an id of `recsim_tf.register`.
      num_envs, seed, flatten, autoreset_mode: arguments of `GymnasiumVectorEnvironment`.
      **kwargs: arguments of `recsim_tf.make`.
    """
    simulator = _simulator(environment_id, kwargs)
    return GymnasiumVectorEnvironment(simulator, num_envs, seed, flatten, autoreset_mode)


def _simulator(environment_id: str, kwargs: dict[str, Any]) -> Simulator:
    # Many programs pass it always. There is nothing to render.
    if kwargs.get("render_mode", "") is None:
        del kwargs["render_mode"]
    try:
        return registry.make(environment_id, **kwargs)
    except TypeError as error:
        # Gymnasium raises it anew, which the class that gin gives to errors does not allow.
        raise TypeError(one_line(error)) from error
