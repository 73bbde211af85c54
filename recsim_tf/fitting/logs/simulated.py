"""Logs of simulated sessions, for trying fits on models whose parameters are known."""

import gin
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.core.random import Seed, split_seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.trajectories import from_trajectory
from recsim_tf.fitting.validation import check_at_least
from recsim_tf.policies.random import random_policy

# A rollout holds all candidates of all steps.
_USERS_AT_ONCE = 1000


@gin.configurable(module="recsim_tf")
def simulated_log(
    simulator: Simulator,
    num_sessions: int = 1000,
    num_steps: int = 100,
    seed: Seed = 0,
    jit_compile: bool = False,
    latent: tuple[str, ...] = (),
) -> SessionLog:
    """The log of sessions under uniformly random slates, and queries where there is a
    `query_spec`.

    Args:
      simulator: has the true parameters.
      num_sessions: S.
      num_steps: sessions that last longer are cut off.
      seed: an integer or int32 [2].
      jit_compile: whether to compile with XLA.
      latent: fields of the log that are left out, such as "innovation" and "initial".

    Raises:
      ValueError: for a number below 1, or a field that can not be latent.
    """
    check_at_least(1, num_sessions=num_sessions, num_steps=num_steps)
    unknown = [name for name in latent if name not in ("initial", "innovation")]
    if unknown:
        raise ValueError(f"latent must be of initial, innovation, got {', '.join(unknown)}")
    world = simulator.users_per_world or 1
    at_once = -(-min(num_sessions, _USERS_AT_ONCE) // world) * world
    policy = random_policy(simulator)

    @compiled(jit_compile=jit_compile)
    def simulate(seed):
        return simulator.rollout(policy, at_once, num_steps, seed)

    pieces = [simulate(piece) for piece in split_seed(seed, -(-num_sessions // at_once))]
    initial = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=0), *(piece.initial for piece in pieces)
    )
    transitions = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=1), *(piece.transitions for piece in pieces)
    )
    whole = pieces[0]._replace(initial=initial, transitions=transitions)
    log = from_trajectory(whole, simulator.documents.shared)
    log = log.take(range(num_sessions))
    return log._replace(
        initial=() if "initial" in latent else log.initial,
        innovation=() if "innovation" in latent else log.innovation,
    )
