# SPDX-License-Identifier: Apache-2.0
"""Evaluations with a fitted model: what the log leaves open about their results."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.types import Policy, Seed, SimulatorState
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.saving.models import load_model
from recsim_tf.fitting.support import slate_support
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import digest_of
from recsim_tf.logs.plans import logged_users

_NUM_USERS = 1000  # users of a simulated policy, about


@configurable(module="recsim_tf")
class FittedModel:
    """The fitted model that an evaluation simulates with, and its log.

        experiment.simulator = @load_simulator()
        load_simulator.folder = "runs/fit/model"
        Evaluation.fitted = @FittedModel()
        FittedModel.folder = "runs/fit/model"

    With a folder, a mean return gets a 95 % interval that holds the uncertainty of the parameters.
    As many users again are simulated, in equal parts of at least 100, each with its own draw of the
    parameters; all draws meet the same users and noise. What the users' noise adds to the variance
    between draws is taken off, as in an analysis of variance. Policies stay those of the estimates.

    With a log, each policy gets a sentence that says how far its slates are from logged ones, see
    `fitting.slate_support`.

    Args:
      folder: None, or that of `fitting.save_model`.
      log: None, or the `Log`, or the result of a reader, to which the model was fitted.
      users_of_log: whether sessions begin with users of the log, see `logs.logged_users`; else
        all users are drawn from the models.
      imports: modules that the model may name, see `fitting.load_model`.

    Attributes:
      draws: the draws of the parameters, tables [N, ...] by name; empty without a folder.

    Raises:
      ValueError: without a folder and a log, for `users_of_log` without a log, and for a model
        without draws of its parameters.
    """

    def __init__(
        self,
        folder: str | None = None,
        log: Any = None,
        users_of_log: bool = False,
        imports: Sequence[str] = (),
    ):
        if folder is None and log is None:
            raise ValueError("FittedModel must have a folder or a log, got neither")
        self._log: Any = None if log is None else log_of("FittedModel.log", log)
        if users_of_log and log is None:
            raise ValueError("FittedModel.users_of_log needs FittedModel.log, got None")
        self._users_of_log = users_of_log
        self.draws: Mapping[str, np.ndarray] = {}
        if folder is not None:
            self.draws = load_model(folder, imports).draws
            if not self.draws:
                raise ValueError(
                    "FittedModel.folder must hold a model with draws of its parameters, got one of"
                    f" a fit without uncertainty, or of too many numbers: {folder}"
                )

    @property
    def description(self) -> str:
        """A digest of what results depend on: the draws of the parameters, and the log where
        sessions begin with its users.
        """
        content = hashlib.sha256()
        for name, draws in self.draws.items():
            content.update(name.encode() + np.ascontiguousarray(draws).data)
        if self._users_of_log:
            content.update(digest_of(self._log).encode())
        return content.hexdigest()[:12]

    def start(self, simulator: Simulator, num_users: int, seed: Seed) -> SimulatorState | None:
        """The states in which sessions begin, or None for users of the models."""
        if not self._users_of_log:
            return None
        return logged_users(simulator, self._log, num_users, seed)

    def support(self, simulator: Simulator, policy: Policy, seed: int) -> str | None:
        """A sentence on how far a policy's slates are from those of the log; None without a log."""
        if self._log is None:
            return None
        # Worlds are simulated as a whole, and parameters by user fix the number of users.
        fewest = simulator.fewest_users
        num_users = simulator.num_users or -(-_NUM_USERS // fewest) * fewest
        return slate_support(simulator, policy, self._log, num_users, seed=seed).sentence
