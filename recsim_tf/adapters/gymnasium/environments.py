# SPDX-License-Identifier: Apache-2.0
"""One simulated user as an environment of Gymnasium, and many users as a vector environment."""

from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
import tree
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from recsim_tf import registry
from recsim_tf.adapters.gymnasium import spaces
from recsim_tf.adapters.gymnasium.sessions import Session, Steps
from recsim_tf.core.base.arguments import Count, OneOf, checked, require
from recsim_tf.core.base.types import Nest
from recsim_tf.core.simulator import Simulator
from recsim_tf.support.errors import one_line

_PACKAGE = "recsim_tf.adapters.gymnasium"
_AUTORESET_MODES = (AutoresetMode.NEXT_STEP.value, AutoresetMode.SAME_STEP.value)


class GymnasiumEnvironment(gymnasium.Env):
    """One simulated user as a Gymnasium environment.

    A user who leaves is `terminated`, and the time limit is `truncated`. A later step raises
    `gymnasium.error.ResetNeeded`. A reset brings a new user. It keeps persistent candidates
    (`resample_documents=False`) and the corpus, as in RecSim, unless it is given a seed.

    Args:
      simulator: the simulator.
      seed: an integer, which governs every draw until a reset with another seed; None draws a
        seed.
      flatten: for learners that refuse nested dicts. True gives a vector, float32 [F], with the
        entries of `gymnasium.spaces.flatten`. "dict" gives a dict of one level with such a vector
        for each part, by names such as "response/clicked".
      distinct: True replaces a document that a slate repeats by the next candidate that it lacks.
        Otherwise an agent may learn to fill the slate with the best document.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        simulator: Simulator,
        seed: int | None = 0,
        flatten: bool | Literal["dict"] = False,
        distinct: bool = False,
    ):
        self._session = Session(Steps(simulator, 1, flatten, distinct, None), seed)
        self._ended = False
        self.observation_space = self._session.steps.observation_space
        self.action_space = spaces.action_space(simulator)

    @property
    def simulator(self) -> Simulator:
        """The simulator, which copies of the environment share."""
        return self._session.steps.simulator

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        results = self._session.reset(seed)
        self._ended = False
        return self._seen(results)

    def step(self, action: Nest):
        if self._ended:
            raise gymnasium.error.ResetNeeded("the session has ended: call reset() before step()")
        arrays = spaces.as_arrays(action, self.simulator, num_axes=1)
        results = self._session.step(tree.map_structure(lambda leaf: leaf[np.newaxis], arrays))
        terminated, truncated = bool(results["terminated"][0]), bool(results["truncated"][0])
        self._ended = terminated or truncated
        observation, info = self._seen(results)
        return observation, float(results["reward"][0]), terminated, truncated, info

    def _seen(self, results: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The observation of the user, and the info."""
        observation = self._session.steps.first_user(results["observation"])
        response = _first_row(results["response"])
        return observation, {"response": response}


def _first_row(nest: Any) -> Any:
    """The first rows of arrays in dicts and tuples. `tree.map_structure` takes longer."""
    if isinstance(nest, dict):
        return {name: _first_row(part) for name, part in nest.items()}
    return tuple(map(_first_row, nest)) if isinstance(nest, tuple) else nest[0, ...]


class GymnasiumVectorEnvironment(VectorEnv):
    """B simulated users as a Gymnasium vector environment, stepped at once.

    With autoreset NEXT_STEP the step in which a user leaves, or is out of time, has the last
    observation of that user. The next step ignores the action for that user, and has a new user's
    first observation, with reward zero.

    With SAME_STEP that step has the new user's first observation already, as in the vector
    environments of Gymnasium. The last observations of users who left are in `info["final_obs"]`,
    objects [B] that are None for all other users, and in `info["final_info"]`.
    `info["_final_obs"]`, bool [B], is true for users who left. These entries are there only when a
    user left.

    `info["response"]` is zeros for newcomers, to whom no slate was shown. For them
    `info["_response"]`, bool [B], is false.

    Args:
      simulator: the simulator.
      num_envs: B, the number of users.
      seed: an integer, which governs every draw until a reset with another seed; None draws a
        seed.
      flatten: True for vectors, float32 [B, F], "dict" for dicts of vectors; as for
        `GymnasiumEnvironment`.
      distinct: whether repeated documents are replaced, as for `GymnasiumEnvironment`.
      autoreset_mode: NEXT_STEP or SAME_STEP, or its name in Gymnasium, such as "SameStep".

    Raises:
      ValueError: for num_envs below 1, or an unknown mode.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "autoreset_mode": AutoresetMode.NEXT_STEP,
        "render_modes": [],
    }

    @checked
    def __init__(
        self,
        simulator: Simulator,
        num_envs: Count,
        seed: int | None = 0,
        flatten: bool | Literal["dict"] = False,
        distinct: bool = False,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        mode = autoreset_mode
        if isinstance(mode, AutoresetMode):
            mode = mode.value
        require("autoreset_mode", mode, Annotated[str, OneOf(_AUTORESET_MODES)])
        self.num_envs = num_envs
        self.metadata = self.metadata | {"autoreset_mode": AutoresetMode(mode)}
        steps = Steps(simulator, num_envs, flatten, distinct, AutoresetMode(mode))
        self._session = Session(steps, seed)
        self.single_observation_space = steps.observation_space
        self.single_action_space = spaces.action_space(simulator)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def simulator(self) -> Simulator:
        """The simulator, which copies of the environment share."""
        return self._session.steps.simulator

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        results = self._session.reset(seed)
        shown = np.zeros(self.num_envs, bool)
        return results["observation"], {"response": results["response"], "_response": shown}

    def step(self, actions: Any):
        results = self._session.step(spaces.as_arrays(actions, self.simulator, num_axes=2))
        info = {"response": results["response"], "_response": results["shown"]}
        ended = results["terminated"] | results["truncated"]
        if self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP and ended.any():
            info |= self._final(results, ended)
        return (
            results["observation"],
            results["reward"],
            results["terminated"],
            results["truncated"],
            info,
        )

    def _final(self, results: dict[str, Any], ended: np.ndarray):
        """The info of users who left, in the form of Gymnasium's vector environments."""
        observations = np.full(self.num_envs, None, object)
        for user in np.flatnonzero(ended):
            observations[user] = tree.map_structure(
                lambda leaf, user=user: np.asarray(leaf[user]), results["final_observation"]
            )
        return {
            "final_obs": observations,
            "_final_obs": ended,
            "final_info": {"response": results["final_response"], "_response": ended},
            "_final_info": ended,
        }


def register_environments() -> None:
    """Makes "Name-v0" of `recsim_tf.register` known to Gymnasium as "recsim_tf/Name-v0".

    The import of `recsim_tf.adapters.gymnasium` calls it. Another call adds environments that were
    registered later.
    """
    for environment_id in registry.registered():
        name = f"recsim_tf/{environment_id}"
        if name not in gymnasium.registry:
            # Entry points are names, so that another process can read a spec from a file.
            gymnasium.register(
                name,
                entry_point=f"{_PACKAGE}:make_environment",
                vector_entry_point=f"{_PACKAGE}:make_vector_environment",
                kwargs={"environment_id": environment_id},
            )


def make_environment(
    environment_id: str,
    seed: int | None = None,
    flatten: bool | Literal["dict"] = False,
    distinct: bool = False,
    **kwargs,
) -> GymnasiumEnvironment:
    """Makes an environment for `gymnasium.make("recsim_tf/...")`.

    Args:
      environment_id: an id of `recsim_tf.register`.
      seed, flatten, distinct: arguments of `GymnasiumEnvironment`.
      **kwargs: arguments of `recsim_tf.make`.
    """
    return GymnasiumEnvironment(_simulator(environment_id, kwargs), seed, flatten, distinct)


def make_vector_environment(
    environment_id: str,
    num_envs: int,
    seed: int | None = None,
    flatten: bool | Literal["dict"] = False,
    distinct: bool = False,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    **kwargs,
) -> GymnasiumVectorEnvironment:
    """Makes a vector environment for `gymnasium.make_vec("recsim_tf/...")`.

    Args:
      environment_id: an id of `recsim_tf.register`.
      num_envs, seed, flatten, distinct, autoreset_mode: arguments of
        `GymnasiumVectorEnvironment`.
      **kwargs: arguments of `recsim_tf.make`.
    """
    simulator = _simulator(environment_id, kwargs)
    return GymnasiumVectorEnvironment(simulator, num_envs, seed, flatten, distinct, autoreset_mode)


def _simulator(environment_id: str, kwargs: dict[str, Any]) -> Simulator:
    # Many programs always pass a render_mode. There is nothing to render.
    if kwargs.get("render_mode", "") is None:
        del kwargs["render_mode"]
    try:
        return registry.make(environment_id, **kwargs)
    except TypeError as error:
        # Gymnasium raises the error anew, which gin's class of errors does not allow.
        raise TypeError(one_line(error)) from error
