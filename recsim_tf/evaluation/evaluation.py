# SPDX-License-Identifier: Apache-2.0
"""Evaluation of policies with the same users, in equal parts, one for each replica."""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, Count, checked, configurable, kind_of
from recsim_tf.core.base.types import Nest, Policy, Seed, SimulatorState, Transition
from recsim_tf.core.runs import replicas
from recsim_tf.core.runs.division import Division
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation import measures as counting
from recsim_tf.evaluation.baselines import AnyPolicy, as_rollout, rollout_policy
from recsim_tf.evaluation.comparison import Comparison
from recsim_tf.evaluation.measures import Measure, new_names, session_measures
from recsim_tf.evaluation.policy_results import PolicyResult, Results
from recsim_tf.evaluation.value import value
from recsim_tf.support.errors import UsageError
from recsim_tf.support.means import error_of_draws

_FEWEST_USERS = 100  # users for each draw of the parameters


@runtime_checkable
class Fitted(Protocol):
    """The parts of a `fitting.FittedModel` that an evaluation reads."""

    @property
    def draws(self) -> Mapping[str, np.ndarray]:
        """Draws of the parameters, tables [N, ...] by name; empty if there are none."""

    @property
    def description(self) -> str:
        """What results depend on, in words that differ for another model or log."""

    def start(self, simulator: Simulator, num_users: int, seed: Seed) -> SimulatorState | None:
        """The states in which sessions begin, or None if the models draw the users."""

    def support(self, simulator: Simulator, policy: Policy, seed: int) -> str | None:
        """A sentence on the distance of a policy from the model's log."""


@configurable
class Evaluation:
    """Evaluates policies by a session of each user. Every policy gets the same users.

    Values of the parameters of the environment and of policies that do not learn, and seeds, can be
    compared in one simulation, with results for each. `recsim-tf simulate` and `recsim-tf evaluate`
    do so. Evaluations during a training, and those of `evaluate --watch`, use the environment, the
    policies and the `seed` of the run.

        Evaluation.compare = {
            "users.choice_model.no_click_mass": (0.5, 1.0, 2.0),
            "policy.optimism_scaling": (0.3, 1.0),
        }
        Evaluation.seeds = (1, 2, 3)

    Args:
      num_users: number of users, and of sessions, of each value and seed.
      max_steps: number of steps. Sessions that are still running then are cut off, and counted as
        unfinished.
      seed: an integer, the seed of the users and of all other draws.
      jit_compile: whether to compile with XLA; None for XLA on GPUs and TPUs only, since an
        evaluation is short.
      compare: None, or parameters of the environment's models and of policies, each with the values
        to compare; see `Comparison`.
      seeds: None, or the seeds to compare in place of `seed`.
      measures: None, or additional measures by name, such as `{"revenue": @revenue}`. A measure is
        a function of a transition [B, ...] to [B], whose values are summed over a session; or a
        `Measure`, such as the measures of the corpus `@coverage()`, `@provider_exposure()`,
        `@provider_gini()` and `@slate_diversity()`.
      segments: None, or segments of users by name, such as `{"age_group": @age_group}`. Each
        function maps the users' state at the start of a session, a nest of [B, ...], to int or bool
        [B]. Returns and measures are also given for each segment.
      num_replicas: number of equal parts R of the users of each value and seed, see `Division`;
        None for the fewest parts of at most 8,192 users, and for a single part if values are
        compared. `recsim-tf simulate` and `recsim-tf evaluate` give each part a GPU if the machine
        has R GPUs; without a GPU the parts share the cores, with the same results.
      fitted: None, or the fitted model that is simulated. Results then have intervals with the
        uncertainty of its parameters, and a sentence on the distance of the policy from its log.

    Attributes:
      num_users, max_steps, seed, jit_compile, fitted: the arguments.
      comparison: the `Comparison` of values and seeds, for the users of a part, or None.
      division: the division of the users of a world that is not shared.

    Raises:
      ValueError: for fewer than two users, no steps, values or seeds that `Comparison` refuses,
        reserved names of measures or segments, or users that the replicas do not divide.
    """

    def __init__(
        self,
        num_users: Annotated[int, AtLeast(2)] = 5000,
        max_steps: Count = 2000,
        seed: int = 1,
        jit_compile: bool | None = None,
        compare: Mapping[str, Sequence] | None = None,
        seeds: Sequence[int] | None = None,
        measures: Mapping[str, Measure | Callable[[Transition], tf.Tensor]] | None = None,
        segments: Mapping[str, Callable[[Nest], tf.Tensor]] | None = None,
        num_replicas: Count | None = None,
        fitted: Fitted | None = None,
    ):
        random.as_seed(seed)
        self.num_users = num_users
        self.max_steps = max_steps
        self.seed = seed
        self.jit_compile = jit_compile
        self.fitted = fitted
        compares = bool(compare) or seeds is not None
        if not isinstance(fitted, Fitted | None):
            raise ValueError(f"fitted must be a FittedModel, got {kind_of(fitted)}")
        if fitted is not None and compares:
            raise ValueError("fitted must be None if values or seeds are compared")
        self._given = Division(num_replicas or 1) if num_replicas or compares else None
        self.division = self._given or Division.of(num_users)
        share = self.division.share(num_users)
        self._measures = {
            name: given if isinstance(given, Measure) else Measure(given)
            for name, given in new_names("measures", measures, Callable | Measure).items()
        }
        self._segments = new_names("segments", segments, Callable, self._measures)
        self.comparison: Comparison | None = None
        if compares:
            self.comparison = Comparison(compare or {}, (seed,) if seeds is None else seeds, share)

    def evaluator(
        self, name: str, simulator: Simulator, policy: AnyPolicy, num_users: int | None = None
    ) -> Callable[[], PolicyResult]:
        """A function that evaluates a policy in its state at the time of the call. `num_users`
        replaces that of this evaluation. Raises a ValueError if the replicas do not divide the
        users, or differ from those of the strategy.
        """
        division = self.division_for(simulator, num_users)
        share = division.share(num_users or self.num_users)
        run, result_of = self._compiled(name, simulator, policy, share, division)
        return lambda: result_of(run(random.as_seed(self.seed)))

    def comparison_evaluator(
        self, comparison: Comparison, name: str, simulator: Simulator, policy: AnyPolicy
    ) -> Callable[[], list[PolicyResult]]:
        """A function that evaluates a policy in its state at the time of the call, with a result
        for every value and seed of a comparison.

        A result is named after the policy, the value and the seed. The simulator must come from
        `comparison.simulator`.
        """
        num_users, division = comparison.num_users, self._given or Division()
        run, result_of = self._compiled(name, simulator, policy, num_users, division, comparison)

        def evaluate():
            parts = run(comparison.seed_rows())
            results = []
            for index, setting in enumerate(comparison.settings):
                rows = slice(index * num_users, (index + 1) * num_users)
                sums = tf.nest.map_structure(lambda leaf, rows=rows: leaf[rows], parts)
                results.append(result_of(sums).of_setting(setting))
            return results

        return evaluate

    @checked
    def evaluate(self, simulator: Simulator, policies: Mapping[str, AnyPolicy]) -> Results:
        """Results of policies by name in an environment. Raises a ValueError if `simulator` is not
        a simulator, or policies have no names.
        """
        return Results(self.evaluator(name, simulator, policies[name])() for name in policies)

    def results(
        self, simulator: Simulator, policies: Callable[[Simulator], Mapping[str, AnyPolicy]]
    ) -> Results:
        """Results of policies by name, for every value and seed if there is a `comparison`.

        Args:
          simulator: a simulator with the values of all parameters that are not compared.
          policies: a function that makes the policies for a simulator.

        Raises:
          UsageError: if the environment or the policies refuse the values.
        """
        comparison = self.comparison
        if comparison is None:
            made = policies(simulator)
            return Results(
                self._with_fit(result, simulator, made[result.policy])
                for result in self.evaluate(simulator, made)
            )
        simulator = comparison.simulator(simulator)
        return Results(
            result
            for name, policy in comparison.policies(policies(simulator)).items()
            for result in self.comparison_evaluator(comparison, name, simulator, policy)()
        )

    def division_for(self, simulator: Simulator, num_users: int | None = None) -> Division:
        """The division of an environment's users. `num_users` replaces that of this evaluation."""
        if self._given is not None or replicas.number() > 1:
            return self._given or Division()
        return Division.of_simulation(simulator, num_users or self.num_users)

    def scope(self) -> contextlib.AbstractContextManager:
        """A context in which each of `num_replicas` GPUs, if there are any, simulates a part."""
        return replicas.of_this_machine((self._given or Division()).num_replicas).scope()

    def _with_fit(
        self, result: PolicyResult, simulator: Simulator, policy: AnyPolicy
    ) -> PolicyResult:
        """A result with an interval and a sentence from the fitted model, if there is one."""
        fitted = self.fitted
        if fitted is None:
            return result
        if fitted.draws:
            users = self.num_users // len(next(iter(fitted.draws.values())))
            try:
                returns = value(
                    simulator,
                    policy,
                    max(users, _FEWEST_USERS),
                    self.max_steps,
                    self.seed,
                    draws=fitted.draws,
                    start=fitted.start,
                )
            except ValueError as error:
                raise UsageError(f"Evaluation.fitted: {error}") from error
            mean = result["return"].with_error(error_of_draws(returns))
            # A single world tells nothing of the error of its users' mean.
            if not math.isnan(mean.standard_error):
                result = dataclasses.replace(result, interval=mean.interval())
        support = fitted.support(simulator, rollout_policy(policy), self.seed)
        return dataclasses.replace(result, support=support)

    def _compiled(
        self,
        name: str,
        simulator: Simulator,
        policy: AnyPolicy,
        num_users: int,
        division: Division,
        comparison: Comparison | None = None,
    ) -> tuple[Callable[[tf.Tensor], list[Nest]], Callable[[list[Nest]], PolicyResult]]:
        """A function from a seed to the sums of the sessions of each part of `num_users` users,
        with each value and seed of a comparison; and a function from sums to their result.
        """
        rows = num_users if comparison is None else comparison.num_rows
        paired = contextlib.nullcontext if comparison is None else comparison.paired
        function, policy_state = as_rollout(policy, rows)
        measures = session_measures(simulator.observation_spec().response) | self._measures
        shapes = counting.shapes(measures, simulator)

        @compiled(jit_compile=self.jit_compile, user_steps=0)
        def run(seed: tf.Tensor) -> dict[str, tf.Tensor]:
            with paired():
                start = None
                if self.fitted is not None:
                    start = self.fitted.start(simulator, rows, random.split_seed(seed, 3)[2])
                return simulator.fold(
                    function,
                    rows,
                    self.max_steps,
                    seed,
                    functools.partial(counting.add, measures),
                    lambda state: {
                        **counting.zeros(shapes, rows),
                        **counting.segment_numbers(self._segments, state.user, rows),
                    },
                    policy_state=policy_state,
                    state=start,
                )

        def joined(*leaves: tf.Tensor) -> np.ndarray:
            whole = tf.concat(leaves, axis=0).numpy()
            return whole if whole.dtype == bool else whole.astype(np.float64)

        def result_of(parts: list[Nest]) -> PolicyResult:
            sessions = tf.nest.map_structure(joined, *parts)
            size = simulator.corpora.size(num_users)
            return PolicyResult.of(name, measures, sessions, self._measures, self._segments, size)

        return division.each(run), result_of
