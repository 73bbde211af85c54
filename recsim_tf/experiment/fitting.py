"""Fits of user models to logs as runs in folders: the fit, its checks, and a model to share."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.adapters import episodes
from recsim_tf.core.checks import check
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.validation import check_at_least
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import (
    FitResult,
    Parameter,
    ParameterPosterior,
    SessionLog,
    Sessions,
    check_fit,
    fit,
    sample_parameters,
    save_model,
)
from recsim_tf.fitting.checks.fit_checks import as_json
from recsim_tf.fitting.checks.predictive import LEAST_REPLICATES
from recsim_tf.fitting.estimate.estimates import named_elements
from recsim_tf.fitting.logs import (
    MovieLensLog,
    OpenBanditLog,
    TableLog,
    from_episodes,
    stream_episodes,
)
from recsim_tf.fitting.report import render
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import read_json, whole_file, write_text
from recsim_tf.support.stopping import StoppedError, noting_signals
from recsim_tf.support.tables import text_table

_RESULTS = "results.json"
# Elements of a table that results.json lists; larger ones are in the model.
_LARGEST = 100


@gin.configurable(module="recsim_tf")
def read_episode_log(
    path: str = gin.REQUIRED,
    simulator: Simulator = gin.REQUIRED,
    sessions_at_once: int | None = None,
) -> Sessions:
    """The log of an episode file.

    Args:
      path: of the file, as `recsim-tf simulate --episode_file` writes it.
      simulator: of the same models and sizes as that of the log.
      sessions_at_once: None to read the file into memory; a number to read that many sessions at a
        time, in each pass.
    """
    found = episodes.read(path, simulator)
    if sessions_at_once is None:
        return from_episodes(found)
    return stream_episodes(found, sessions_at_once)


@gin.configurable(module="recsim_tf", denylist=["run_dir"])
def run_fit(
    run_dir: RunDirectory,
    simulator: Simulator = gin.REQUIRED,
    parameters: Mapping[str, Parameter] = gin.REQUIRED,
    log: Any = gin.REQUIRED,
    held_out: float | None = None,
    truth: Mapping[str, Any] | None = None,
    title: str = "Fit of a user model",
    num_replicates: int = 100,
    posterior: bool = False,
) -> dict[str, Any]:
    """Fits parameters of a simulator's models to a log as `fit` is configured, checks the fit, and
    writes all of it into a folder.

    The folder receives config.gin, operative_config.gin, checkpoints/, TensorBoard's tensorboard/,
    results.json, report.html, and the fitted model in model/, see `recsim_tf.fitting.save_model`. A
    fit that was stopped goes on from its checkpoint; one that has ended is not repeated.

    Args:
      run_dir: the folder.
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: by name, as {"users.choice_model.no_click_mass": @Parameter()}.
      log: a `SessionLog`, a `SessionStream`, or what a reader of tables or data sets gives. The
        report is of a stream's first piece.
      held_out: part of the sessions that the fit does not see, for early stopping and for the
        checks; None to check on those that it saw.
      truth: true values of parameters by name, where they are known.
      title: of the report and the model card.
      num_replicates: simulations of the log for the posterior-predictive checks.
      posterior: whether to draw parameters from their posterior by NUTS too, as `sample_parameters`
        is configured; into posterior.npz.

    Returns:
      The content of results.json.

    Raises:
      UsageError: if a part is asked to be held out of a stream, or a posterior given one.
    """
    finished = run_dir.path / _RESULTS
    if finished.is_file():
        content: dict[str, Any] = read_json(
            finished, dict, "remove it, and the same fit makes it again"
        )
        print(f"{estimates_table(content)}\nThe fit in {run_dir.path} had ended already.")
        return content
    if not all(isinstance(parameter, Parameter) for parameter in parameters.values()):
        raise UsageError(
            f"run_fit.parameters must have a Parameter() for each name, got {dict(parameters)!r}"
        )
    if isinstance(log, MovieLensLog | OpenBanditLog | TableLog):
        log = log.log
    if not isinstance(log, Sessions):
        raise UsageError(
            "run_fit.log must be a SessionLog, a SessionStream or what a reader gives, got"
            f" {type(log).__name__}"
        )
    validation = None
    if isinstance(log, SessionLog):
        if held_out is not None:
            log, validation = log.split(held_out)
    elif posterior or held_out is not None:
        raise UsageError(
            "run_fit.posterior must be False and run_fit.held_out None for a log in pieces, got"
            f" {posterior} and {held_out}"
        )
    check(simulator)
    # Refused after the fit it would lose the fit.
    check_at_least(LEAST_REPLICATES, **{"run_fit.num_replicates": num_replicates})
    with run_dir.claim():
        started = time.perf_counter()
        with noting_signals() as stop:
            result = fit(
                simulator, parameters, log, held_out=validation, folder=run_dir.path, stop=stop
            )
        if stop.signal:  # It came too late to stop the search.
            raise StoppedError(
                f"stopped after the search, with a checkpoint in {run_dir.path}", stop.signal
            )
        seconds = time.perf_counter() - started
        run_dir.write_operative_config()
        shown = next(iter(log.pieces()))
        if tf.nest.flatten(result.initial_draws):
            of_piece = tf.nest.map_structure(
                lambda leaf: leaf[: shown.num_sessions], result.initial_draws
            )
            shown = shown._replace(initial=of_piece)
        checks = check_fit(result, shown, validation, truth, num_replicates=num_replicates)
        write_text(run_dir.path / "report.html", render(result, shown, validation, checks, title))
        content = _content(result, log, validation, checks.figures(), seconds)
        if posterior:
            content["posterior"] = _write_posterior(
                run_dir.path / "posterior.npz",
                sample_parameters(simulator, parameters, log, start=result),
            )
        # One that an interrupted run has written is of the same fit.
        if not (run_dir.path / "model").exists():
            save_model(
                run_dir.path / "model",
                result,
                title=title,
                data={
                    "sessions": log.num_sessions,
                    "steps": log.num_steps,
                    "slate size": shown.slate_size,
                },
                fitting={
                    "search": type(result.search).__name__,
                    "confidence": result.confidence,
                    "log-likelihood a step": content["log_likelihood_per_step"],
                    "seconds": round(seconds, 1),
                },
                checks=_card_checks(checks),
            )
        run_dir.write_results(content)
    print(estimates_table(content))
    print(f"Fitted in {seconds:,.0f} s. Report, model and results in {run_dir.path}")
    return content


def _content(
    result: FitResult, log, validation, checks: dict[str, Any], seconds: float
) -> dict[str, Any]:
    estimates: dict[str, Any] = {}
    for name, estimate in result.estimates.items():
        if estimate.value.size <= _LARGEST:
            estimates[name] = as_json(estimate)
        else:
            estimates[name] = {
                "shape": list(estimate.value.shape),
                "mean": float(estimate.value.mean()),
                "sd": float(estimate.value.std()),
            }
    return {
        "estimates": estimates,
        "sessions": log.num_sessions,
        "steps": log.num_steps,
        "log_likelihood_per_step": result.log_likelihood / log.num_steps,
        "held_out_sessions": None if validation is None else validation.num_sessions,
        "held_out_log_likelihood_per_step": result.held_out_log_likelihood,
        "not_identified": named_elements(result.not_identified),
        "converged": result.converged,
        "stopped_early": result.stopped_early,
        "diverged": result.diverged,
        "confidence": result.confidence,
        "seconds": round(seconds, 1),
        "checks": checks,
    }


def _write_posterior(path: Path, posterior: ParameterPosterior) -> dict[str, Any]:
    """Writes the draws [C, N, ...] by name, and sums them up."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **posterior.samples)  # type: ignore[arg-type]
    return {
        name: {
            "mean": as_json(draws.mean(axis=(0, 1))),
            "sd": as_json(draws.std(axis=(0, 1))),
            "r_hat": as_json(posterior.r_hat[name]),
            "effective_sample_size": as_json(posterior.effective_sample_size[name]),
        }
        for name, draws in posterior.samples.items()
        if draws[0, 0].size <= _LARGEST
    }


def _card_checks(checks) -> dict[str, Any]:
    """Single figures of the checks for the model card."""
    found: dict[str, Any] = {}
    where = "held-out" if checks.choices_are_held_out else "fitted"
    if checks.choices is not None:
        found[f"log-likelihood a choice, {where} sessions"] = float(checks.choices.model.value)
        found["the same of the frequencies of positions"] = float(checks.choices.frequencies.value)
    if checks.calibration is not None:
        found[f"expected calibration error, {where} sessions"] = float(
            checks.calibration.expected_error
        )
    extreme = [
        name for name, statistic in checks.predictive.statistics.items() if statistic.p_value < 0.05
    ]
    found["posterior-predictive statistics with p < 0.05"] = (
        f"{len(extreme)} of {len(checks.predictive.statistics)}"
    )
    return found


def estimates_table(content: Mapping[str, Any]) -> str:
    """A table of the estimates with their intervals, and the log-likelihoods, as text; of the
    content of results.json.
    """
    rows = [("parameter", "estimate", "s.e.", f"{content['confidence']:.0%} interval")]
    not_identified = content.get("not_identified", [])
    for name, estimate in content["estimates"].items():
        value = estimate.get("value")
        if not isinstance(value, float):
            shape = estimate.get("shape", list(np.shape(value)))
            rows.append((name, "", "", f"a table {shape}, see the model"))
            continue
        interval = (
            "" if estimate["low"] is None else f"[{estimate['low']:.4g}, {estimate['high']:.4g}]"
        )
        if name in not_identified:
            interval = "not identified"
        error = "" if estimate["standard_error"] is None else f"{estimate['standard_error']:.3g}"
        rows.append((name, f"{value:.5g}", error, interval))
        drawn = content.get("posterior", {}).get(name)
        if drawn is not None:
            spread = (
                f"R-hat {drawn['r_hat']:.3f}, {drawn['effective_sample_size']:,.0f} effective draws"
            )
            cells = f"{drawn['mean']:.5g}", f"{drawn['sd']:.3g}", spread
            rows.append(("  posterior by NUTS", *cells))
    lines = [text_table(rows, left=(0, 3))]
    lines.append(
        f"Log-likelihood a step: {content['log_likelihood_per_step']:.5f} over"
        f" {content['sessions']:,} sessions fitted"
    )
    if content["held_out_log_likelihood_per_step"] is not None:
        lines[-1] += (
            f", {content['held_out_log_likelihood_per_step']:.5f} over"
            f" {content['held_out_sessions']:,} held out"
        )
    if not_identified:
        lines.append(
            f"Not identified: {', '.join(not_identified)}. The log says nothing of these, alone or"
            " together: give a prior, or leave some out."
        )
    if content["diverged"]:
        lines.append("The fit diverged: these are the last finite parameters.")
    elif content.get("stopped_early"):
        lines.append(
            "The fit stopped early, when the held-out likelihood rose no more; the parameters of"
            " the best pass count."
        )
    elif not content["converged"]:
        lines.append(
            "The fit has not converged: raise LBFGS.max_iterations or Minibatches.passes in another"
            " folder."
        )
    return "\n".join(lines)
