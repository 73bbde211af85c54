"""The likelihood that `fit` takes where none is given."""

import tensorflow as tf

from recsim_tf.adapters.episodes import session_spec
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.batches import SessionLikelihood
from recsim_tf.fitting.likelihood.classes import Classes
from recsim_tf.fitting.likelihood.exact import Exact, InitialLikelihood
from recsim_tf.fitting.likelihood.mean_field import MeanField
from recsim_tf.fitting.likelihood.missing import missing_part
from recsim_tf.fitting.likelihood.particles import Particles
from recsim_tf.fitting.logs.session_log import Sessions
from recsim_tf.fitting.logs.trajectories import scoring_simulator


def default_likelihood(simulator: Simulator, log: Sessions) -> SessionLikelihood:
    """`Classes()` where the log lacks a class of users, `MeanField()` where it lacks other initial
    draws, `Particles()` around them where it lacks innovations, and `Exact()` where it has all.

    Args:
      simulator: its models say what users draw.
      log: in which () stands for draws that were not logged.

    Raises:
      ValueError: for a log without sessions, or one of whose initial draws several fields are
        missing.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    scorer = scoring_simulator(simulator)
    num_users, first = scorer.fewest_users, next(iter(log.pieces()))
    spec = session_spec(scorer, num_users)
    part = missing_part(scorer.users, num_users, spec.initial.user, first.initial)
    initial: InitialLikelihood | None = None
    if part is not None:
        has_classes = part.num_classes(scorer.users, num_users) is not None
        initial = Classes() if has_classes else MeanField()
    if tf.nest.flatten(spec.draws.innovation) and not tf.nest.flatten(first.innovation):
        return Particles(initial=initial)
    return initial or Exact()
