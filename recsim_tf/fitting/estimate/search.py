"""What all searches for the maximum of a log-likelihood and log-prior have in common."""

import abc
import dataclasses
from typing import Any, ClassVar, NamedTuple

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.estimate.folder import Checkpoints, SearchState
from recsim_tf.fitting.likelihood.batches import SessionLikelihood
from recsim_tf.fitting.likelihood.exact import Exact
from recsim_tf.fitting.likelihood.initial import Classes, InitialLikelihood, MeanField
from recsim_tf.fitting.likelihood.likelihood import Likelihood, LogLikelihood
from recsim_tf.fitting.likelihood.particle_filter import Particles
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.missing import lacking, lacks_innovations
from recsim_tf.logs.trajectories import scoring_simulator


def default_likelihood(simulator: Simulator, log: Sessions) -> SessionLikelihood:
    """`Classes()` where the log lacks a class of users, `MeanField()` where it lacks other initial
    draws, `Particles()` around them where it lacks innovations, and `Exact()` where it has all.
    Raises a ValueError where it has no session, or lacks several fields of the initial draws.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    scorer = scoring_simulator(simulator)
    num_users, first = scorer.fewest_users, next(iter(log.pieces()))
    spec = session_spec(scorer, num_users)
    parts, _ = lacking(first, scorer.users, num_users, spec.initial.user)
    initial: InitialLikelihood | None = None
    if parts:
        sizes = [part.num_classes(scorer.users, num_users) for part in parts]
        initial = MeanField() if None in sizes else Classes()
    if lacks_innovations(first, spec.draws.innovation):
        return Particles(initial=initial)
    return initial or Exact()


class Problem(NamedTuple):
    """What a search maximises, and where it writes."""

    likelihood: Any  # a `LogLikelihood`, of the sessions that are fitted
    held_out: LogLikelihood | None  # of other sessions
    checkpoints: Checkpoints
    seed: int  # of minibatches and draws


@dataclasses.dataclass(frozen=True)
class Search(abc.ABC):
    """How `fit` looks for the best parameters. Arguments out of range raise a ValueError.

    Args:
      progress: whether to show a progress bar.
    """

    progress: bool = dataclasses.field(default=True, kw_only=True)

    # What a row of the history is.
    step_name: ClassVar[str]
    # Whether all steps have the same draws.
    keeps_draws: ClassVar[bool] = False

    @property
    def batch_size(self) -> int:
        """Sessions that are scored at once."""
        return 1000

    def default_likelihood(self, simulator: Simulator, log: Sessions) -> Likelihood:
        """What is maximised where no likelihood is given."""
        return default_likelihood(simulator, log)

    def check(self, likelihood: LogLikelihood) -> None:
        """Raises a ValueError where the search cannot maximise this likelihood."""
        if likelihood.chains is not None:
            raise ValueError(f"search must be MonteCarloEM() with Chains(), got {self}")

    def described(self) -> dict[str, Any]:
        """What tells this search from another that cannot go on from its checkpoints, as JSON."""
        return {"search": type(self).__name__}

    @abc.abstractmethod
    def run(self, problem: Problem) -> SearchState:
        """The state at the end, with the best values, of a search from the present values of the
        likelihood's variables, or from its checkpoint.
        """
