"""Users as a log has them, at the start of new sessions."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import InitialDraws, Seed, SimulatorState, Trajectory
from recsim_tf.core.base.validation import check_count
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import PartlySampled
from recsim_tf.fitting.likelihood.missing import draw_parts, lacking
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log


def logged_users(simulator: Simulator, log: Log, num_users: int, seed: Seed = 0) -> SimulatorState:
    """New sessions of users who are drawn from those of a log, with replacement.

    The initial draws that a user of the log has are kept. Those that the log lacks, such as a
    hidden taste, are drawn from the models, given the others. `Simulator.rollout(state=)` and
    `fold` go on from here.

    Args:
      simulator: the models.
      log: the sessions; each is as likely as any other.
      num_users: B.
      seed: an integer or int32 [2].

    Raises:
      ValueError: for a number below 1, or initial draws that are not those of the models.
    """
    check_count(num_users=num_users)
    spec = session_spec(simulator, num_users).initial.user
    parts, log = lacking(log, simulator.users, num_users, spec)
    rows_seed, parts_seed, seed = random.split_seed(seed, 3)
    rows = random.uniform_integers([num_users], rows_seed, log.num_sessions)
    user = tf.nest.map_structure(
        lambda like, leaf: tf.gather(tf.cast(leaf, like.dtype), rows), spec, log.initial
    )
    begun = Trajectory(InitialDraws(user, (), (), ()), (), ())  # type: ignore[arg-type]
    begun = draw_parts(parts, simulator.users, begun, parts_seed)
    answers = PartlySampled({"user": begun.initial.user}, seed, InitialDraws._fields[1:])
    return simulator.initial_state(simulator.begin(num_users, answers))
