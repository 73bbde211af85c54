# SPDX-License-Identifier: Apache-2.0
"""The base class of methods of fits."""

import abc
import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from recsim_tf.core.base.types import Seed
from recsim_tf.fitting.methods.information import Uncertainty
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.fitting.searches.search import Search
from recsim_tf.logs.log import Sessions


@dataclasses.dataclass(frozen=True)
class Method(abc.ABC):
    """A way to fit parameters to a log: a likelihood, the search for its maximum, and the source of
    standard errors. Methods differ in the draws that the log may lack. Arguments out of range raise
    a ValueError.

    Args:
      search: one of `searches`; None for the search that suits.
      uncertainty: the source of standard errors and intervals, one of `uncertainties`; None for no
        standard errors.
      jit_compile: whether to compile with XLA.
    """

    search: Search | None = dataclasses.field(default=None, kw_only=True)
    uncertainty: Uncertainty | None = dataclasses.field(default=None, kw_only=True)
    jit_compile: bool = dataclasses.field(default=False, kw_only=True)

    # The searches and the uncertainties that go with the method.
    searches: ClassVar[tuple[type[Search], ...]]
    uncertainties: ClassVar[tuple[type[Uncertainty], ...]]
    # Whether a parameter may have a value for each session of the log.
    by_session: ClassVar[bool] = False

    def __post_init__(self):
        for name, value, kinds in (
            ("search", self.search, self.searches),
            ("uncertainty", self.uncertainty, self.uncertainties),
        ):
            if value is not None and not isinstance(value, kinds):
                allowed = [*(f"{kind.__name__}()" for kind in kinds), "None"]
                raise ValueError(
                    f"{name} of {type(self).__name__} must be {' or '.join(allowed)}, got {value!r}"
                )

    @property
    def of_new_users(self) -> "Method":
        """The method that scores sessions which were not fitted. Posteriors of the fitted sessions
        say nothing of them.
        """
        return self

    def enlarged(self) -> "Method | None":
        """The method with more draws; None where it has none, or more of them would take too much
        memory.
        """
        return None

    @abc.abstractmethod
    def search_of(self, fitted: FittedSimulator) -> Search:
        """The search: `search`, or the one that suits. Raises a ValueError for one that cannot fit
        the parameters.
        """

    @abc.abstractmethod
    def objective(self, fitted: FittedSimulator, log: Sessions, seed: Seed = 0) -> Objective:
        """The log-likelihood of a log.

        Args:
          fitted: the simulator whose models score the log.
          log: a log with all draws of its user model but those that this method treats.
          seed: the seed of draws in calls without a seed, an integer or int32 [2].

        Raises:
          ValueError: for an argument out of range, a log without sessions, or one that lacks other
            draws.
        """

    def information_of(self, objective: Objective) -> Callable[[], np.ndarray] | None:
        """The function of no arguments that gives the observed information, see `Uncertainty.of`;
        None where there are no standard errors by information. Raises a ValueError where the
        information cannot be known.
        """
        return None if self.uncertainty is None else self.uncertainty.of(objective)
