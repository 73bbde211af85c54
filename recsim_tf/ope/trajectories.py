"""Logs of simulated sessions."""

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Observation, SimulatorState, Trajectory, Transition
from recsim_tf.core.base.validation import check_type
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs import episodes
from recsim_tf.ope.densities import densities
from recsim_tf.ope.log import Log, SlateLogProbs


def from_trajectory(
    simulator: Simulator,
    trajectory: Trajectory,
    logging: Any = None,
    reward_by_position: Callable[[Transition], tf.Tensor] | None = None,
) -> Log:
    """The log of simulated sessions.

    Args:
      simulator: that made the trajectory.
      trajectory: [T, B, ...] of a rollout with `auto_reset=False`, from new users on.
      logging: the `StochasticPolicy` that acted, of which the log gets the probabilities; or None.
      reward_by_position: maps a transition [B, ...] to what each position earned, [B, K]. By
        default the reward of a step is its click's. Where that is not known, since there are
        several clicks of other rewards than 1 or rewards without a click, the log has the rewards
        of whole slates.

    Raises:
      ValueError: for users who share a corpus, for a trajectory of several sessions a row or one
        that begins with a state, or if rewards by position do not add up to the reward.
    """
    check_type("simulator", simulator, Simulator)
    observed = functools.partial(_observed, simulator, trajectory)
    return _log(simulator, trajectory, observed, logging, reward_by_position)


def _log(
    simulator: Simulator,
    trajectory: Trajectory,
    observed: Callable[[], Nest],
    logging: Any,
    reward_by_position: Callable[[Transition], tf.Tensor] | None,
) -> Log:
    """See `from_trajectory`; `observed` gives what was seen, a nest of [T, B, ...]."""
    trajectory.require_single_session()
    trajectory.require_new_users()
    if simulator.documents.shared:
        raise ValueError(
            "simulator must have a corpus for each user: sessions of users who share one are not"
            " independent"
        )
    transitions = trajectory.transitions
    reward = transitions.reward.numpy().T
    log = Log(
        slate=transitions.slate.numpy().swapaxes(0, 1),
        reward=np.where(transitions.active.numpy().T, reward, 0)[..., np.newaxis],
        active=transitions.active.numpy().T,
        observation=_by_session(observed()),
        query=_by_session(transitions.query),
        discount=(
            transitions.user_discount.numpy().T if tf.is_tensor(transitions.user_discount) else ()
        ),
    )
    by_position = _rewards(trajectory, reward_by_position) * log.active[..., np.newaxis]
    wrong = np.argwhere(np.abs(by_position.sum(2) - log.reward[..., 0]) > 1e-4 * (1 + abs(reward)))
    if not len(wrong):
        log = log._replace(reward=by_position)
    elif reward_by_position is not None:
        session, step = wrong[0]
        raise ValueError(
            f"reward_by_position must add up to the reward {reward[session, step]:g}, got"
            f" {by_position[session, step].sum():g} at session {session}, step {step}"
        )
    log.check()
    return log if logging is None else log._replace(logging=densities(logging)(log)).check()


def from_episodes(
    path: str | os.PathLike,
    simulator: Simulator,
    logging: Any = None,
    reward_by_position: Callable[[Transition], tf.Tensor] | None = None,
) -> Log:
    """The log of an episode file; see `recsim_tf.logs.episodes`.

    Args:
      path: of the file. `recsim-tf simulate --episode_file` writes probabilities into it, where the
        policy knows them.
      simulator: of the same models and sizes as that of the file.
      logging, reward_by_position: as for `from_trajectory`. Without `logging` the log has the
        probabilities of the file, if there are any.

    Raises:
      ValueError: as `from_trajectory` and `episodes.read`.
    """
    found = episodes.read(path, simulator)
    user, documents, log_prob = found.observed()
    trajectory = found.trajectory()

    def observed() -> Observation:
        # As it was seen, whatever the parameters of the simulator.
        return _observed(simulator, trajectory)._replace(user=user, documents=documents)

    log = _log(simulator, trajectory, observed, logging, reward_by_position)
    if logging is not None or isinstance(log_prob, tuple):
        return log
    prefix = _by_session(log_prob)
    return log._replace(logging=SlateLogProbs(slate=prefix[..., -1], prefix=prefix)).check()


def _observed(simulator: Simulator, trajectory: Trajectory) -> Observation:
    """What an agent saw before each step, a nest of [T, B, ...]."""

    @compiled
    def observed(trajectory: Trajectory) -> Nest:
        num_steps = trajectory.transitions.reward.shape[0]
        first = simulator.observe(simulator.initial_state(trajectory.initial))

        def write(arrays: Nest, step: tf.Tensor, state: SimulatorState, *_: Any):
            return nests.write(arrays, step, simulator.observe(state))

        arrays = nests.arrays_like(first, num_steps)
        return nests.stack(simulator.retrace(trajectory, write, arrays, score=False))

    return observed.get_concrete_function(trajectory)(trajectory)


def _rewards(
    trajectory: Trajectory,
    reward_by_position: Callable[[Transition], tf.Tensor] | None,
) -> np.ndarray:
    """[B, T, K]."""
    transitions = trajectory.transitions
    if reward_by_position is not None:
        steps = range(transitions.reward.shape[0])
        found = [reward_by_position(nests.at_step(transitions, step)) for step in steps]
        return tf.stack(found, axis=1).numpy()
    clicked = transitions.response.clicked
    is_one = tf.reduce_sum(clicked, axis=-1) <= 1
    return _by_session(clicked * tf.where(is_one, transitions.reward, 1)[..., tf.newaxis])


def _by_session(nest: Nest) -> Nest:
    """A nest of tensors [T, B, ...] as one of arrays [B, T, ...]."""
    return tf.nest.map_structure(lambda leaf: np.asarray(leaf).swapaxes(0, 1), nest)
