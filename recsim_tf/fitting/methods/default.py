"""The method that suits a log."""

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.classes import Classes
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.mean_field import MeanField
from recsim_tf.fitting.methods.particles import Particles
from recsim_tf.fitting.methods.session_method import SessionMethod
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.missing import lacking, lacks_innovations
from recsim_tf.logs.trajectories import scoring_simulator


def default_method(simulator: Simulator, log: Sessions) -> SessionMethod:
    """Chooses a method by the draws that a log lacks.

    Returns:
      `Classes()` where the log lacks a class of users, `MeanField()` where it lacks other initial
      draws, `Particles()` around them where it lacks innovations, and `Exact()` where it has all.

    Raises:
      ValueError: for a log without sessions, or one that lacks several fields of the initial draws.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    scorer = scoring_simulator(simulator)
    num_users, first = scorer.fewest_users, next(iter(log.pieces()))
    spec = session_spec(scorer, num_users)
    parts, _ = lacking(first, scorer.users, num_users, spec.initial.user)
    initial: InitialMethod | None = None
    if parts:
        sizes = [part.num_classes(scorer.users, num_users) for part in parts]
        initial = MeanField() if None in sizes else Classes()
    if lacks_innovations(first, spec.draws.innovation):
        return Particles(initial=initial)
    return initial or Exact()
