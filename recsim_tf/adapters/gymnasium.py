"""The simulator as a Gymnasium environment: of one user, and of many as a vector environment.

Observations are dicts with RecSim's keys `user`, `doc` and `response`. Documents have no names: the
first axis of everything in `doc` is their position among the candidates, so that the spaces stay
the same from step to step. Fields of a NamedTuple are entries of a dict. Before the first slate of
a session the response is zeros, where RecSim has None.

An action is a slate of candidate positions, an integer array [K]. It may be shorter, or hold -1
where a position is empty. As in RecSim a document may be shown twice, unless the simulator has
`validate=True` and `allow_duplicates=False`. A bad slate is a `ValueError`.

`info["response"]` of a step is the whole response to its slate, as arrays [K, ...], also what
agents do not see of it. RecSim's metrics of a session follow from it and the reward.
"""

from collections.abc import Callable
from typing import Any

import gin
import numpy as np
import tensorflow as tf
import tree

from recsim_tf.core import nests, random
from recsim_tf.core.bounds import BoundedTensorSpec
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, SimulatorState

try:
    import gymnasium
    from gymnasium import spaces
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ImportError as missing:
    raise ImportError(
        "recsim_tf.adapters.gymnasium needs Gymnasium 1.1 or newer: install recsim-tf[gymnasium]"
    ) from missing


class _Session:
    """B users who are stepped from Python, by functions that are compiled once.

    Args:
      simulator: the simulator.
      num_users: B.
      seed: an integer.
    """

    def __init__(self, simulator: Simulator, num_users: int, seed):
        self._simulator = simulator
        self._num_users = num_users
        self._seed = random.as_seed(seed)
        self._state: SimulatorState | None = None
        everybody = tf.ones([num_users], tf.bool)

        def begin(seed):
            seed, reset_seed = random.split_seed(seed, 2)
            state = simulator.reset(num_users, reset_seed)
            return state, seed, simulator.observe(state)

        def begin_again(state, seed):
            seed, reset_seed = random.split_seed(seed, 2)
            state = simulator.replace(state, everybody, reset_seed)
            return state, seed, simulator.observe(state)

        def advance(state, slate, seed):
            seed, *seeds = random.split_seed(seed, 3)
            state, transition = simulator.step_or_replace(state, slate, *seeds)
            response = nests.where(
                transition.active, transition.response, nests.zeros_like(transition.response)
            )
            return (
                state,
                seed,
                simulator.observe(state),
                transition._replace(draws=(), response=response),
            )

        self._begin, self._begin_again, self._advance = (
            compiled(begin),
            compiled(begin_again),
            compiled(advance),
        )

    @property
    def state(self) -> SimulatorState:
        """The present state."""
        if self._state is None:
            raise gymnasium.error.ResetNeeded("there is no session: call reset() before step()")
        return self._state

    def reset(self, seed: int | None) -> Observation:
        """Starts new sessions; persistent candidates and the corpus stay, unless there is a
        seed.
        """
        if self._state is None or seed is not None:
            start = self._seed if seed is None else random.as_seed(seed)
            self._state, self._seed, observation = self._begin(start)
        else:
            self._state, self._seed, observation = self._begin_again(self._state, self._seed)
        return observation

    def step(self, slates: np.ndarray):
        """Observation and transition; users who have left before are replaced, for any slate."""
        slate = self._simulator.playable_slate(
            self.state, slates, allow_duplicates=not self._simulator.validate
        )
        self._state, self._seed, observation, transition = self._advance(
            self._state, slate, self._seed
        )
        return observation, transition


@gin.configurable
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
      seed: an integer, which governs every draw until a reset is given another.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, simulator: Simulator, seed: int = 0):
        self.simulator = simulator
        self._session = _Session(simulator, 1, seed)
        self.observation_space = _observation_space(simulator)
        self.action_space = _action_space(simulator)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        return _observed(self._session.reset(seed), row=0), {}

    def step(self, action):
        if self._session.state.done[0]:
            raise gymnasium.error.ResetNeeded("the session has ended: call reset() before step()")
        observation, transition = self._session.step(np.asarray(action)[np.newaxis])
        return (
            _observed(observation, row=0),
            float(transition.reward[0]),
            bool(transition.terminated[0]),
            bool(transition.truncated[0]),
            {"response": _arrays(transition.response, row=0)},
        )


@gin.configurable
class GymnasiumVectorEnvironment(VectorEnv):
    """B simulated users as a Gymnasium vector environment, stepped at once.

    Autoreset is NEXT_STEP: the step in which a user leaves, or is out of time, has their own last
    observation; the next one ignores the action for that user and has a new user's first
    observation, with reward zero. There `info["_response"]`, bool [B], is false.

    Args:
      simulator: the simulator.
      num_envs: B, the number of users.
      seed: an integer, which governs every draw until a reset is given another.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "autoreset_mode": AutoresetMode.NEXT_STEP,
        "render_modes": [],
    }

    def __init__(self, simulator: Simulator, num_envs: int, seed: int = 0):
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.simulator = simulator
        self.num_envs = num_envs
        self._session = _Session(simulator, num_envs, seed)
        self.single_observation_space = _observation_space(simulator)
        self.single_action_space = _action_space(simulator)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        return _observed(self._session.reset(seed)), {}

    def step(self, actions):
        observation, transition = self._session.step(np.asarray(actions))
        return (
            _observed(observation),
            transition.reward.numpy(),
            transition.terminated.numpy(),
            transition.truncated.numpy(),
            {"response": _arrays(transition.response), "_response": transition.active.numpy()},
        )


def _action_space(simulator: Simulator) -> spaces.MultiDiscrete:
    return spaces.MultiDiscrete([simulator.num_candidates] * simulator.slate_size)


def _observation_space(simulator: Simulator) -> spaces.Dict:
    leaves = tree.map_structure(_leaf_space, simulator.observation_spec())
    return _by_name(_recsim_keys(leaves), lambda space: space, spaces.Dict, spaces.Tuple)


def _leaf_space(spec: BoundedTensorSpec) -> spaces.Space:
    shape, dtype = spec.shape.as_list(), spec.dtype.as_numpy_dtype
    if spec.dtype.is_bool:
        return spaces.Box(0, 1, shape, dtype)
    low, high = (np.broadcast_to(end, shape) for end in (spec.minimum, spec.maximum))
    if spec.dtype.is_integer:
        if not (np.any(low == spec.dtype.min) or np.any(high == spec.dtype.max)):
            number = high.astype(np.int64) - low + 1
            return (
                spaces.MultiDiscrete(number, dtype, start=low)
                if shape
                else spaces.Discrete(int(number), start=int(low))
            )
        return spaces.Box(low, high, dtype=dtype)
    # The ends of the dtype mean that there is no bound.
    low, high = (
        np.where(end == edge, np.sign(edge) * np.inf, end)
        for end, edge in ((low, spec.dtype.min), (high, spec.dtype.max))
    )
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)


def _recsim_keys(observation: Observation) -> dict[str, Nest]:
    return {
        "user": observation.user,
        "doc": observation.documents,
        "response": observation.response,
    }


def _observed(observation: Observation, row=...) -> dict[str, Any]:
    return _arrays(_recsim_keys(observation), row)


def _arrays(nest: Nest, row=...) -> Any:
    return _by_name(nest, lambda leaf: np.asarray(leaf.numpy()[row]), dict, tuple)


def _by_name(nest: Nest, leaf: Callable, of_dict: Callable, of_tuple: Callable) -> Any:
    """A nest with dicts for its NamedTuples."""
    # Nothing else tells a NamedTuple from another tuple.
    if hasattr(nest, "_asdict"):
        nest = nest._asdict()
    if isinstance(nest, dict):
        return of_dict(
            {name: _by_name(part, leaf, of_dict, of_tuple) for name, part in nest.items()}
        )
    if isinstance(nest, (tuple, list)):
        return of_tuple([_by_name(part, leaf, of_dict, of_tuple) for part in nest])
    return leaf(nest)
