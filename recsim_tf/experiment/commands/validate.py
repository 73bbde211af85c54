# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf validate`: how far to trust the fit of a run."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import Baseline, Baselines, baseline_policies, named_baselines
from recsim_tf.experiment.commands.fit import FitRun
from recsim_tf.experiment.runs.folder import RunDirectory, locked
from recsim_tf.fitting import Parameter, load_model
from recsim_tf.fitting.saving.card import CARD, with_findings
from recsim_tf.fitting.validation import validate
from recsim_tf.fitting.validation.page import sections
from recsim_tf.logs import Log
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Sessions, digest_of
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import read_text
from recsim_tf.support.pages import with_sections


@configurable("validate", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class ValidationRun:
    """The validation of a fit: its logs, questions and policies; in gin files `validate`.

    Args:
      log: sessions that the fit did not see, in the place of those that it held out.
      static: values of parameters at which the users' dynamics do nothing, as {"users.gain": 0.0};
        None leaves the question of order out.
      times: names of hidden attributes that are times, which are never shuffled with steps.
      other: a log of another policy, period or segment, or None.
      hold_out_segment: values of fields of the log's initial draws, as {"device": 1}, in the place
        of `other`: the models are fitted again without such sessions, and predict them.
      policies: those that the last question ranks, as of `simulate.policies`; none leaves it out.
      logging: the policy that showed the log's slates, in the same way, or None.
      seed: the seed of simulations, folds and orders.
    """

    log: Any = None
    static: Mapping[str, Any] | None = None
    times: Sequence[str] = ()
    other: Any = None
    hold_out_segment: Mapping[str, Any] | None = None
    policies: Baselines = ()
    logging: Baseline | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        named_baselines("validate.policies", self.policies)


def run_validation(
    folder: RunDirectory, fit: FitRun, run: ValidationRun, trusted: Sequence[str] = ()
) -> dict[str, Any]:
    """Validates the fit of a folder; prints the answers, also into the model card, puts them into
    report.html, and writes validation.json.

    Args:
      folder: the folder of `recsim-tf fit`.
      fit, run: the fit, and how it is validated.
      trusted: modules that the model may name, see `fitting.load_model`.

    Returns:
      The content of validation.json.

    Raises:
      UsageError: for a folder without a fit or in use by another process, a fit without held-out
        sessions, a parameter that was not fitted, or a model card that is a link.
      ValueError: see `fitting.validate`.
    """
    report, model = folder.path / "report.html", folder.path / "model"
    if (model / CARD).is_symlink():
        raise UsageError(f"{model / CARD} is a link, which is not followed: remove it")
    if not model.is_dir() or not report.is_file():
        raise UsageError(
            f"root_dir {folder.path} has no fitted model and report: run recsim-tf fit first"
        )
    train, held_out = fit.sessions()
    _check_fitted_log(folder, train)
    if run.log is not None:
        held_out = log_of("validate.log", run.log)
    if held_out is None:
        raise UsageError(
            "run_fit.held_out must be a part of the sessions, as 0.2, before the fit, or"
            " validate.log other sessions, got None: a fit is validated on what it did not see"
        )
    if unknown := [name for name in run.static or () if name not in fit.parameters]:
        raise UsageError(
            f"validate.static must name parameters that were fitted, {', '.join(fit.parameters)},"
            f" got {unknown[0]}"
        )
    with locked(folder.path):
        models = fit.simulator.users, fit.simulator.documents
        modules = sorted({type(part).__module__ for part in models})
        simulator = load_model(model, [*trusted, *modules]).simulator
        validation = validate(
            simulator,
            train.whole(),
            held_out,
            refit=functools.partial(_refit, fit),
            static=run.static,
            times=run.times,
            other=None if run.other is None else log_of("validate.other", run.other),
            hold_out_segment=run.hold_out_segment,
            policies=baseline_policies(
                named_baselines("validate.policies", run.policies), simulator
            ),
            logging=_policy(run.logging, simulator),
            num_replicates=fit.num_replicates,
            seed=run.seed,
        )
        content = validation.figures()
        card = read_text(model / CARD, "fit again in another root_dir")
        page = with_sections(report.read_text(encoding="utf-8"), sections(validation))
        folder.write(
            {
                "report.html": page,
                "validation.json": content,
                f"model/{CARD}": with_findings(card, content["findings"]),
            }
        )
        print(validation)
        print(f"Page and figures in {report} and validation.json.")
        return content


def _refit(fit: FitRun, log: Log, fixed: Mapping[str, Any]) -> Simulator:
    """The simulator of a fit to another log, in which some parameters are fixed."""
    if set(fixed) == set(fit.parameters):
        return fit.simulator.with_parameters(fixed)
    changed = {name: Parameter(value, fixed=True) for name, value in fixed.items()}
    return fit.estimate(fit.simulator, {**fit.parameters, **changed}, log).simulator


def _policy(logging: Baseline | None, simulator: Simulator) -> Any:
    """The policy that logged, made for a simulator; None for None."""
    if logging is None:
        return None
    named = named_baselines("validate.logging", (logging,))
    (policy,) = baseline_policies(named, simulator).values()
    return policy


def _check_fitted_log(folder: RunDirectory, train: Sessions) -> None:
    """Requires the sessions that were fitted, by the record beside the fit: others may hold some of
    those that are to be kept apart.
    """
    results = folder.results("fit again in another root_dir")
    if results.get("fitted_log") != digest_of(train):
        raise UsageError(
            "run_fit.log and run_fit.held_out must give the sessions that were fitted, got others"
            " than those in results.json: fit again in another root_dir"
        )
