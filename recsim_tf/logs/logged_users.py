"""Users of a log at the start of new sessions."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import InitialDraws, Seed, SimulatorState, Trajectory
from recsim_tf.core.base.validation import check_count
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import PartlySampled
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log
from recsim_tf.logs.logged_documents import Logged
from recsim_tf.logs.missing import draw_parts, lacking


def logged_users(
    simulator: Simulator, log: Log, num_users: int, seed: Seed = 0, row: tf.Tensor | None = None
) -> SimulatorState:
    """The states in which sessions of users from a log begin. The users are drawn with replacement.

    Logged initial draws are kept. Initial draws that the log lacks, such as a hidden taste, are
    drawn from the models, given the logged ones. `Simulator.rollout(state=)` and `fold` continue
    from these states.

    Args:
      simulator: the models. If its candidates are those of the log, see `Logged`, users get the
        candidates of their logged sessions.
      log: the sessions, each equally likely.
      num_users: number of users, B.
      seed: an integer or int32 [2].
      row: the sessions whose users begin, int32 [B]; by default they are drawn.

    Raises:
      ValueError: for a number below 1, or initial draws that are not those of the models.
    """
    check_count(num_users=num_users)
    spec = session_spec(simulator, num_users).initial.user
    parts, log = lacking(log, simulator.users, num_users, spec)
    row_seed, parts_seed, seed = random.split_seed(seed, 3)
    if row is None:
        row = random.uniform_integers([num_users], row_seed, log.num_sessions)
    user = tf.nest.map_structure(
        lambda like, leaf: tf.gather(tf.cast(leaf, like.dtype), row), spec, log.initial
    )
    begun = Trajectory(InitialDraws(user, (), (), ()), (), ())  # type: ignore[arg-type]
    begun = draw_parts(parts, simulator.users, begun, parts_seed)
    draws = {"user": begun.initial.user}
    if isinstance(simulator.documents, Logged):
        draws["corpus"] = row
    sampled = [name for name in InitialDraws._fields if name not in draws]
    answers = PartlySampled(draws, seed, sampled)
    return simulator.initial_state(simulator.begin(num_users, answers))
