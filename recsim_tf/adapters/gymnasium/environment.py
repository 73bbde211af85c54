"""One simulated user as a Gymnasium environment."""

from typing import Any

import gymnasium
import numpy as np
import tree

from recsim_tf.adapters.gymnasium import spaces
from recsim_tf.adapters.gymnasium.sessions import Session, Steps
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest


class GymnasiumEnvironment(gymnasium.Env):
    """One simulated user as a Gymnasium environment.

    A user who leaves is `terminated`, the time limit is `truncated`; a step after that is a
    `gymnasium.error.ResetNeeded`. A reset brings another user; persistent candidates
    (`resample_documents=False`) and the corpus stay, as in RecSim, unless it is given a seed.

        environment = GymnasiumEnvironment(recsim_tf.make("InterestEvolution-v1"))
        observation, info = environment.reset(seed=0)
        slate = environment.action_space.sample()
        observation, reward, terminated, truncated, info = environment.step(slate)

    Args:
      simulator: the simulator.
      seed: an integer, which governs every draw until a reset is given another; None draws
        one.
      flatten: whether an observation is one vector, float32 [F], for learners that refuse nested
        dicts. Its entries are those of `gymnasium.spaces.flatten`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, simulator: Simulator, seed: int | None = 0, flatten: bool = False):
        self._session = Session(Steps(simulator, 1, flatten, autoreset_mode=None), seed)
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
        arrays = spaces.as_arrays(action, self.simulator.query_spec)
        results = self._session.step(tree.map_structure(lambda leaf: leaf[np.newaxis], arrays))
        terminated, truncated = bool(results["terminated"][0]), bool(results["truncated"][0])
        self._ended = terminated or truncated
        observation, info = self._seen(results)
        return observation, float(results["reward"][0]), terminated, truncated, info

    def _seen(self, results: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The observation of the user, and the info."""
        observation = spaces.of_first_user(results["observation"], self.observation_space)
        response = tree.map_structure(lambda leaf: leaf[0, ...], results["response"])
        return observation, {"response": response}
