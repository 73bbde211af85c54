"""Validations of fits that ran in folders: `recsim-tf validate`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import gin

from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.commands.fit import FitRun, add_findings, run_fit
from recsim_tf.experiment.gin.bindings import bound_value
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import Parameter, load_model
from recsim_tf.fitting.report.validation_page import render
from recsim_tf.fitting.validation import validate
from recsim_tf.logs import Log
from recsim_tf.logs.arguments import log_of
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import write_json, write_text


@gin.configurable("validate", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class ValidationRun:
    """How a fit is validated; in gin files `validate`.

    Args:
      log: sessions that the fit did not see, in the place of those that it held out.
      static: values of parameters at which the users' dynamics do nothing, as {"users.gain": 0.0};
        None leaves the question of order out.
      other: a log of another policy, period or segment, or None.
      hold_out_segment: values of fields of the log's initial draws, as {"device": 1}, in the place
        of `other`: the models are fitted again without such sessions, and foretell them.
      num_replicates: simulations of the sessions, at least 20.
      seed: of simulations, folds and orders.
    """

    log: Any = None
    static: Mapping[str, Any] | None = None
    other: Any = None
    hold_out_segment: Mapping[str, Any] | None = None
    num_replicates: int = 20
    seed: int = 0


def fit_and_validate(folder: RunDirectory) -> None:
    """Runs the fit of a folder, see `run_fit`; where `run_fit.validate` is true, validates it."""
    run_fit(folder)
    if bound_value("run_fit.validate"):
        validate_run(folder)


def validate_run(folder: RunDirectory, trusted: Sequence[str] = ()) -> dict[str, Any]:
    """Validates the fit of a folder as `ValidationRun` is configured; prints five sentences, also
    into the model card, and writes validation.json and validation.html into the folder.

    Args:
      folder: of `recsim-tf fit`.
      trusted: modules that the model may name, see `fitting.load_model`.

    Returns:
      The content of validation.json.

    Raises:
      UsageError: for a folder without a fit, a fit without held-out sessions, or a parameter that
        was not fitted.
      ValueError: see `fitting.validate`.
    """
    if not (folder.path / "model").is_dir():
        raise UsageError(f"root_dir {folder.path} has no fitted model: run recsim-tf fit first")
    fit, run = FitRun(), ValidationRun()
    train, held_out = fit.sessions()
    user_ids = None
    if run.log is not None:
        held_out = log_of("validate.log", run.log)
        ids = _user_ids(fit.log), _user_ids(run.log)
        user_ids = None if ids[0] is None or ids[1] is None else ids
    if held_out is None:
        raise UsageError(
            "run_fit.held_out must be a part of the sessions, as 0.2, before the fit, or"
            " validate.log other sessions, got None: a fit is validated on what it did not see"
        )
    modules = {type(each).__module__ for each in (fit.simulator.users, fit.simulator.documents)}
    simulator = load_model(folder.path / "model", [*trusted, *sorted(modules)]).simulator

    def refit(log: Log, fixed: Mapping[str, Any]) -> Simulator:
        if set(fixed) == set(fit.parameters):
            return fit.simulator.with_parameters(fixed)
        changed = {name: Parameter(value, fixed=True) for name, value in fixed.items()}
        return fit.estimate(fit.simulator, {**fit.parameters, **changed}, log).simulator

    static = run.static
    if unknown := [name for name in static or () if name not in fit.parameters]:
        raise UsageError(
            f"validate.static must name parameters that were fitted, {', '.join(fit.parameters)},"
            f" got {unknown[0]}"
        )
    found = validate(
        simulator,
        train.whole(),
        held_out,
        refit=None if static is None and run.hold_out_segment is None else refit,
        static=static,
        other=None if run.other is None else log_of("validate.other", run.other),
        hold_out_segment=run.hold_out_segment,
        user_ids=user_ids,
        num_replicates=run.num_replicates,
        seed=run.seed,
    )
    content = found.figures()
    write_text(folder.path / "validation.html", render(found, f"Validation: {fit.title}"))
    write_json(folder.path / "validation.json", content)
    add_findings(folder.path / "model" / "MODEL_CARD.md", content["findings"])
    print(found)
    print(f"Page and figures in {folder.path / 'validation.html'} and validation.json.")
    return content


def _user_ids(log: Any) -> Any:
    """Ids [S] of users, else of sessions, where a reader gives them; or None."""
    return getattr(log, "user_ids", getattr(log, "session_ids", None))
