# SPDX-License-Identifier: Apache-2.0
"""The base class of searches for the maximum of a log-likelihood and log-prior."""

import abc
import dataclasses
from typing import Any, ClassVar, NamedTuple

from recsim_tf.fitting.searches.folder import Checkpoints, SearchState


class Problem(NamedTuple):
    """The function that a search maximises, and the folder that it writes to."""

    objective: Any  # an `Objective`, of the sessions that are fitted
    held_out: Any  # an `Objective` of other sessions, or None
    checkpoints: Checkpoints
    seed: int  # of minibatches and draws
    # float64 [P], about the standard errors of the parameters at the start, if they are known
    units: Any = None

    def in_folder(self, name: str) -> "Problem":
        """The problem with checkpoints in a folder of this name inside its folder."""
        folder = self.checkpoints.path and self.checkpoints.path / name
        return self._replace(checkpoints=dataclasses.replace(self.checkpoints, folder=folder))


@dataclasses.dataclass(frozen=True)
class Search(abc.ABC):
    """The way in which `fit` looks for the best parameters. Arguments out of range raise a
    ValueError.

    Args:
      progress: whether to show a progress bar.
    """

    progress: bool = dataclasses.field(default=True, kw_only=True)

    # The name of a row of the history.
    step_name: ClassVar[str]

    @property
    def batch_size(self) -> int:
        """Sessions that are scored at once."""
        return 1000

    def described(self) -> dict[str, Any]:
        """JSON that differs between searches that cannot go on from each other's checkpoints."""
        return {"search": type(self).__name__}

    @abc.abstractmethod
    def run(self, problem: Problem) -> SearchState:
        """Searches from the present values of the objective's variables, or from a checkpoint.

        Returns:
          The state at the end, with the best values.
        """
