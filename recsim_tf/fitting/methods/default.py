# SPDX-License-Identifier: Apache-2.0
"""The method that suits a log."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.adapted import num_coordinates
from recsim_tf.fitting.methods.classes import Classes
from recsim_tf.fitting.methods.draws import Draws
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.mean_field import MeanField
from recsim_tf.fitting.methods.particles import Particles
from recsim_tf.fitting.methods.scores import hidden_parts
from recsim_tf.fitting.methods.session_method import SessionMethod
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.missing import lacks_innovations
from recsim_tf.logs.trajectories import scoring_simulator

# Draws of each session: from the model's own distribution; and adapted points, by the coordinates
# of what is hidden. One and two have a rule of nine nodes, and of five times five.
_NUM_DRAWS, _NUM_ADAPTED = 200, {1: 9, 2: 25}
_NUM_ADAPTED_OF_MORE = 16
# More make a normal proposal, and its curvature, expensive.
_MOST_COORDINATES = 32


def default_method(simulator: Simulator, log: Sessions) -> SessionMethod:
    """Chooses a method by the draws that a log lacks.

    Returns:
      `Exact()` where the log has all draws. `Classes()` where it lacks a class of users. Where it
      lacks other initial draws, `Draws(points="adapted")` with 9 draws of one number, 25 of two and
      16 of more, from which `fit` goes on to more draws if more would move the estimates;
      `Draws(200)` if some of them are neither finite nor continuous; and `MeanField()`, which has
      no standard errors, if they have more than 32 coordinates. `Particles()` where it lacks
      innovations, with `Classes()` or `MeanField()` for initial draws that it lacks too.

    Raises:
      ValueError: for a log without sessions, or one that lacks several fields of the initial draws.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    scorer = scoring_simulator(simulator)
    num_users, first = scorer.fewest_users, next(iter(log.pieces()))
    spec = session_spec(scorer, num_users)
    parts = hidden_parts(first, scorer.users, num_users, spec.initial.user)
    initial: InitialMethod | None = None
    if parts:
        hidden = [part for part in parts if part.num_classes(scorer.users, num_users) is None]
        if not hidden:
            initial = Classes()
        elif lacks_innovations(first, spec.draws.innovation):
            # Draws of initial draws and of particles would multiply.
            initial = MeanField()
        else:
            initial = _by_draws([part.prior(scorer.users, num_users) for part in hidden])
    if lacks_innovations(first, spec.draws.innovation):
        return Particles(initial=initial)
    return initial or Exact()


def _by_draws(priors: Sequence[tfd.Distribution]) -> InitialMethod:
    """The method for initial draws of these distributions, not all of them finite."""
    try:
        numbers = list(map(num_coordinates, priors))
    except ValueError:
        return Draws(_NUM_DRAWS)
    if sum(numbers) > _MOST_COORDINATES:
        return MeanField()
    return Draws(_NUM_ADAPTED.get(max(numbers), _NUM_ADAPTED_OF_MORE), points="adapted")
