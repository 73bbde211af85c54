"""What all searches for the maximum of a log-likelihood and log-prior have in common."""

import abc
from typing import Any, ClassVar, NamedTuple

from recsim_tf.fitting.estimate.folder import FitFolder, SearchState
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.logs.session_log import Sessions
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator


class Problem(NamedTuple):
    """What a search maximises, and where it writes."""

    likelihood: LogLikelihood  # of the sessions that are fitted
    held_out: LogLikelihood | None  # of other sessions
    folder: FitFolder
    seed: int  # of minibatches and draws
    show_progress: bool


class Search(abc.ABC):
    """How `fit` looks for the best parameters."""

    # What a row of the history is.
    step_name: ClassVar[str]
    # Whether a parameter may have a value for each session.
    by_session: ClassVar[bool] = False
    # Sessions that are scored at once, by the search and wherever else the fit scores its log.
    batch_size: int

    def likelihood(
        self,
        fitted: FittedSimulator,
        log: Sessions,
        jit_compile: bool,
        seed: int,
        num_particles: int | None,
        num_draws: int | None,
    ) -> Any:
        """What the search maximises; the arguments are those of `fit`."""
        return LogLikelihood(
            fitted, log, self.batch_size, jit_compile, num_particles, seed, num_draws
        )

    def check(self, likelihood: LogLikelihood) -> None:
        """Raises a ValueError where the search cannot maximise this likelihood."""
        del likelihood

    def described(self) -> dict[str, Any]:
        """What tells this search from another that cannot go on from its checkpoints, as JSON."""
        return {"search": type(self).__name__}

    @abc.abstractmethod
    def run(self, problem: Problem, start: int) -> SearchState:
        """The state at the end, with the best values, of a search from the present values of the
        likelihood's variables, or from its checkpoint. `start` is the number of the search.
        """
