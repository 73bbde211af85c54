# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf ope`: policies judged from a log."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import gin

from recsim_tf import logs, ope
from recsim_tf.core.base.arguments import AtLeast, Count, Fraction, configurable
from recsim_tf.core.base.types import Policy
from recsim_tf.core.nests import as_json
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import (
    Baseline,
    Baselines,
    baseline_policies,
    named_baselines,
    unchecked,
)
from recsim_tf.experiment.commands import gate
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import load_model
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.logged_documents import following
from recsim_tf.logs.tables.frames import TABLES
from recsim_tf.ope import report
from recsim_tf.ope.evaluation import chosen_estimators
from recsim_tf.policies import Deterministic, StochasticPolicy
from recsim_tf.support.errors import UsageError

# The policy of a log that brings its probabilities.
_OF_LOG = "target policy"
_SCHEMA = 1  # the form of ope.json, whose fields docs/ope.md lists
_NUM_USERS = 100  # whose first slates show whether a policy is deterministic


@configurable("run_ope", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class OpeRun:
    """Policies, and the log from which they are judged; in gin files `run_ope`.

    Args:
      log: the path of an episode file, or of a table .csv or .parquet for `logs.from_table`; a
        `logs.Log`; or None for sessions that are simulated in `truth` under `logging`.
      policies: the policies to be judged, as `simulate.policies`. None are needed for a log that
        brings their probabilities.
      logging: the policy that logged, a name or function as in `policies`; None where the log has
        its probabilities, and no estimator simulates it.
      model: the model of the users: a simulator, or the folder of a fitted one, whose intervals
        then hold what the fit leaves open. None for estimators without one.
      truth: None, or the simulator of the users as they are, which tells what policies earn.
      estimators: names of `recsim_tf.ope.PRESETS`.
      num_sessions, num_steps: the sessions and steps of a simulated log.
      num_simulated, num_truth: sessions of a simulation with the model, and of the truth.
      gamma: discount of each step, in [0, 1].
      imports: modules that a fitted model may name, see `fitting.load_model`.
      title: the title of the page.
      seed: an integer.

    Raises:
      UsageError: for a log that is none, and where neither model nor truth says what policies see.
    """

    log: Any = None
    policies: Baselines = ()
    logging: Baseline | None = None
    model: str | Simulator | None = None
    truth: Simulator | None = None
    estimators: Sequence[str] = ("snips", "simulated", "calibrated")
    num_sessions: Annotated[int, AtLeast(2)] = 1000
    num_steps: Count = 100
    num_simulated: Annotated[int, AtLeast(2)] = 10_000
    num_truth: Annotated[int, AtLeast(2)] = 100_000
    gamma: Fraction = 1.0
    imports: Sequence[str] = ()
    title: str = "Policies judged from a log"
    seed: int = 0

    def __post_init__(self) -> None:
        named_baselines("run_ope.policies", self.policies)
        chosen_estimators(self.estimators)
        if self.log is None and (self.truth is None or self.logging is None):
            raise UsageError(
                "run_ope.log must be an episode file or a Log, or else run_ope.truth and"
                " run_ope.logging be given, to simulate one"
            )


def run_ope(
    folder: RunDirectory,
    run: OpeRun,
    trusted: Sequence[str] = (),
    required: Sequence[gate.Requirement] = (),
) -> dict[str, Any]:
    """Judges policies from a log; prints a table and some sentences for each, and writes ope.json,
    report.html and estimates.png into the folder. Prints a line for each requirement.

    Args:
      folder, run: the run.
      trusted: modules that a fitted model may name, beside `OpeRun.imports`.
      required: requirements on the policies.

    Returns:
      The content of ope.json.

    Raises:
      ValueError: as `recsim_tf.ope.evaluate`, for a policy that is not for this environment, and
        for a requirement on a policy that is not judged.
    """
    # A log without policies to be judged brings the probabilities of one.
    names = [*named_baselines("run_ope.policies", run.policies)] or [_OF_LOG]
    named = gate.pairs(required, names)
    model, made_for = _models(run, trusted)
    policies = _policies("run_ope.policies", run.policies, made_for)
    logging = _logging(run, made_for)
    with folder.claim():
        log = _log(run, made_for, logging)
        first = next(iter(log.pieces()))
        if not policies and not isinstance(first.target.slate, tuple):
            policies = {_OF_LOG: None}
        if not policies:
            raise UsageError(
                "run_ope.policies must hold at least one policy, or run_ope.log have probabilities"
                " of one (target_propensity), got neither"
            )
        met = None if made_for is None else following(made_for, log)
        judged = {name: _with_density(policy, met) for name, policy in policies.items()}
        results = ope.compare(
            judged,
            log,
            run.estimators,
            model=model,
            logging=logging,
            gamma=run.gamma,
            num_simulated=run.num_simulated,
            seed=run.seed + 1,
        )
        length, number, seed = log.max_length, run.num_truth, run.seed + 2
        truths = {
            name: ope.truth(run.truth, policy, length, number, seed, run.gamma)
            for name, policy in judged.items()
            if run.truth is not None and policy is not None
        }
        figures = {name: truth.figures() for name, truth in truths.items()}
        outcomes = gate.outcomes(results, named)
        content = as_json(
            {
                "schema": _SCHEMA,
                "policies": {
                    name: {**each.figures(), "truth": figures.get(name)}
                    for name, each in results.items()
                },
                "findings": next(iter(results.values())).findings.figures(),
                "requirements": [each.figures() for each in outcomes],
            }
        )
        folder.write(
            {
                "operative_config.gin": gin.operative_config_str(),
                "report.html": report.render(results, run.title, truths),
                "estimates.png": ope.plot(results, truths),
                "ope.json": content,
            }
        )
    print(results, end="\n\n")
    for name in results.shown:
        print(*report.sentences(name, results[name], truths.get(name)), sep="\n", end="\n\n")
    print(f"Page, figures and plot in {folder.path}")
    print(*outcomes, sep="\n", end="\n" if outcomes else "")
    return content


def read_log(run: OpeRun) -> Sessions:
    """The log of a run, which is simulated where the run has none."""
    _, made_for = _models(run)
    return _log(run, made_for, _logging(run, made_for))


def _models(run: OpeRun, trusted: Sequence[str] = ()) -> tuple[Any, Simulator | None]:
    """The model of the users, and the simulator for which policies are made."""
    model: Any = run.model
    if isinstance(model, str):
        model = load_model(model, [*run.imports, *trusted])
    simulator: Simulator | None = getattr(model, "simulator", model)
    return model, simulator if simulator is not None else run.truth


def _logging(run: OpeRun, simulator: Simulator | None) -> Any:
    """The policy that logged, or None."""
    if run.logging is None:
        return None
    (logging,) = _policies("run_ope.logging", (run.logging,), simulator).values()
    return logging


def _policies(argument: str, baselines: Baselines, simulator: Simulator | None) -> dict[str, Any]:
    """Policies by name, without the checks of their actions."""
    named = named_baselines(argument, baselines)
    if not named:
        return {}
    if simulator is None:
        raise UsageError(f"run_ope.model or run_ope.truth must be given, to make {argument} for")
    made = baseline_policies(named, simulator)
    return {name: unchecked(policy) for name, policy in made.items()}


def _log(run: OpeRun, simulator: Simulator | None, logging: Any) -> Sessions:
    if run.log is None:
        assert run.truth is not None
        trajectory = run.truth.rollout(logging, run.num_sessions, run.num_steps, run.seed)
        return logs.from_trajectory(trajectory, run.truth, logging=_stochastic(logging))
    if isinstance(run.log, str) and run.log.endswith(TABLES):
        return logs.from_table(run.log)
    if isinstance(run.log, str):
        if simulator is None:
            raise UsageError(
                "run_ope.model or run_ope.truth must be given, to read an episode file"
            )
        return logs.from_episodes(run.log, simulator, logging=_stochastic(logging))
    allowed = "the path of an episode file or of a table, or a recsim_tf.logs.Log or LogStream"
    return log_of("run_ope.log", run.log, Sessions, allowed)


def _stochastic(policy: Any) -> StochasticPolicy | None:
    return policy if isinstance(policy, StochasticPolicy) else None


def _with_density(policy: Policy | None, simulator: Simulator | None) -> Any:
    """The policy, as a `Deterministic` one if its first slates do not depend on the seed."""
    if policy is None or simulator is None or isinstance(policy, StochasticPolicy):
        return policy
    number = simulator.num_users or _NUM_USERS * simulator.fewest_users
    certain = Deterministic(policy)
    is_certain = certain.holds(simulator.observe(simulator.reset(number, seed=0)))
    return certain if is_certain else policy
