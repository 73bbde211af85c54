# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf fit`: a fit of user models to a log, its checks, and a model to share."""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import AtLeast, configurable
from recsim_tf.core.checks import check
from recsim_tf.core.nests import as_json
from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import Checkpoints, Parameter, fit, save_model
from recsim_tf.fitting.estimates import named_elements
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.fitting.report import render
from recsim_tf.fitting.sampling import ParameterPosterior
from recsim_tf.fitting.validation import learners
from recsim_tf.fitting.validation.statistics import LEAST_REPLICATES
from recsim_tf.logs import Log, from_episodes, stream_episodes
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Sessions, digest_of
from recsim_tf.logs.missing import merged
from recsim_tf.support.errors import UsageError
from recsim_tf.support.stopping import StoppedError, noting_signals
from recsim_tf.support.tables import label, text_table

# Largest tables in results.json, and in print; larger ones are in the model.
_LARGEST, _LARGEST_PRINTED = 100, 10


@configurable(module="recsim_tf")
def read_episode_log(
    path: str = gin.REQUIRED,
    simulator: Simulator = gin.REQUIRED,
    sessions_at_once: int | None = None,
) -> Sessions:
    """The log of an episode file.

    Args:
      path: the path of the file, as `recsim-tf simulate --episode_file` writes it.
      simulator: a simulator of the same models and sizes as that of the log.
      sessions_at_once: None to read the file into memory; a number to read that many sessions at a
        time, in each pass.
    """
    if sessions_at_once is None:
        return from_episodes(path, simulator)
    return stream_episodes(path, simulator, sessions_at_once)


@configurable("run_fit", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class FitRun:
    """The models of a fit, their parameters and the log; in gin files `run_fit`.

    Args:
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: the parameters by name, as {"users.choice_model.no_click_mass": @Parameter()}.
      log: a `Log`, a `LogStream`, or what a reader of tables or data sets gives. The
        report is of a stream's first piece.
      held_out: part of the sessions that the fit does not see, for early stopping and for the
        checks; None to check on those that it saw.
      split_by: "user" holds out users at random, "time" the sessions that begin last.
      truth: true values of parameters by name, where they are known.
      title: the title of the report and the model card.
      num_replicates: simulations of the sessions that are validated, at least 20.
      estimate: `recsim_tf.fitting.fit`, or a `functools.partial` of it with other arguments.
      posterior: None, or `recsim_tf.fitting.sample_parameters` or a `functools.partial` of it, to
        draw parameters from their posterior too, into posterior.npz.
      validate: whether the fit is validated at its end, as by `recsim-tf validate`.

    Raises:
      ValueError: for anything but parameters or a log, or if a part is asked to be held out of a
        stream, or a posterior given one.
    """

    simulator: Simulator = gin.REQUIRED
    parameters: Mapping[str, Parameter] = gin.REQUIRED
    log: Any = gin.REQUIRED
    held_out: float | None = None
    split_by: Literal["user", "time"] = "user"
    truth: Mapping[str, Any] | None = None
    title: str = "Fit of a user model"
    num_replicates: Annotated[int, AtLeast(LEAST_REPLICATES)] = 100
    estimate: Callable[..., FitResult] = fit
    posterior: Callable[..., ParameterPosterior] | None = None
    validate: bool = False

    def __post_init__(self) -> None:
        # Errors that the checks would raise after the fit, which would be lost then.
        learners.require()
        check(self.simulator)

    def sessions(self) -> tuple[Sessions, Any]:
        """The sessions to fit, and those that are held out or None."""
        sessions = log_of("run_fit.log", self.log, Sessions, "a Log, a LogStream")
        in_memory = self.posterior is not None or self.held_out is not None
        if in_memory and not isinstance(sessions, Log):
            raise UsageError(
                "run_fit.posterior and run_fit.held_out must be None for a log in pieces, which is"
                " not held in memory"
            )
        if self.held_out is None:
            return sessions, None
        return sessions.split(self.held_out, by=self.split_by)


def show_ended(folder: RunDirectory) -> dict[str, Any]:
    """Prints the estimates of a fit that has ended; returns its results.json, else nothing."""
    content = folder.results("remove it, and the same fit makes it again")
    if content:
        print(f"{estimates_table(content)}\nThe fit in {folder.path} had ended already.")
    return content


def run_fit(folder: RunDirectory, run: FitRun) -> dict[str, Any]:
    """Fits parameters of a simulator's models to a log, checks the fit, and writes all of it into a
    folder.

    The folder receives config.gin, operative_config.gin, checkpoints/, TensorBoard's tensorboard/,
    results.json, report.html, and the fitted model in model/, see `recsim_tf.fitting.save_model`. A
    fit that was stopped goes on from its checkpoint.

    Returns:
      The content of results.json.

    Raises:
      ValueError: see `FitRun`.
      StoppedError: if SIGINT (Ctrl-C) or SIGTERM came, once a checkpoint is saved.
    """
    sessions, held_out = run.sessions()
    with folder.claim():
        result, seconds = _fit(folder, run, sessions, held_out)
        shown = _first_piece(sessions, result)
        page, checks = render(
            result,
            shown,
            held_out_log=held_out,
            truth=run.truth,
            title=run.title,
            num_replicates=run.num_replicates,
        )
        content = {**_content(result, sessions, held_out, seconds), "checks": checks}
        posterior = None
        if run.posterior is not None:
            posterior = run.posterior(run.simulator, run.parameters, sessions, start=result)
            content["posterior"] = _posterior_content(posterior)
        description = _description(run.title, result, content, shown.slate_size)
        folder.write(
            {
                "operative_config.gin": gin.operative_config_str(),
                "report.html": page,
                "posterior.npz": None if posterior is None else posterior.samples,
                "model": functools.partial(save_model, result=result, **description),
                "results.json": content,
            }
        )
    print(estimates_table(content))
    print(f"Fitted in {seconds:,.0f} s. Report, model and results in {folder.path}")
    return content


def _fit(
    folder: RunDirectory, run: FitRun, sessions: Sessions, held_out: Sessions | None
) -> tuple[FitResult, float]:
    """The fit, from the checkpoint in the folder where there is one, and the seconds it took."""
    started = time.perf_counter()
    with noting_signals() as stop:
        checkpoints = Checkpoints(folder.path, stop=stop)
        result = run.estimate(
            run.simulator, run.parameters, sessions, held_out=held_out, checkpoints=checkpoints
        )
    if stop.signal:  # It came too late to stop the search.
        raise StoppedError(
            f"stopped after the search, with a checkpoint in {folder.path}", stop.signal
        )
    return result, time.perf_counter() - started


def _first_piece(sessions: Sessions, result: FitResult) -> Log:
    """The sessions that the report shows, with the initial draws that the fit found for them."""
    first = next(iter(sessions.pieces()))
    if not tf.nest.flatten(result.initial_draws):
        return first
    initial = tf.nest.map_structure(lambda leaf: leaf[: first.num_sessions], result.initial_draws)
    return first._replace(initial=merged(first.initial, initial))


def _content(
    result: FitResult, log: Sessions, held_out: Sessions | None, seconds: float
) -> dict[str, Any]:
    """The content of results.json."""
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
        "known_log_density_per_step": result.known_log_density / log.num_steps,
        "climbed_log_likelihood_per_step": (
            None
            if result.climbed_log_likelihood is None
            else result.climbed_log_likelihood / log.num_steps
        ),
        "effective_draws": result.effective_draws,
        "of_draws": result.of_draws,
        "of_errors": result.of_errors,
        "held_out_sessions": None if held_out is None else held_out.num_sessions,
        "held_out_log_likelihood_per_step": result.held_out_log_likelihood,
        "fitted_log": digest_of(log),
        "held_out_known_log_density_per_step": result.held_out_known_log_density,
        "latents": result.latents,
        "not_identified": named_elements(result.not_identified),
        "converged": result.converged,
        "stopped_early": result.stopped_early,
        "diverged": result.diverged,
        "confidence": result.confidence,
        "seconds": round(seconds, 1),
    }


def _posterior_content(posterior: ParameterPosterior) -> dict[str, Any]:
    """The content of results.json about the posterior, by parameter."""
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


def _description(
    title: str, result: FitResult, content: Mapping[str, Any], slate_size: int
) -> dict[str, Any]:
    """The arguments of `save_model` that describe the model, with the answers of the checks."""
    return {
        "title": title,
        "data": {
            "sessions": content["sessions"],
            "steps": content["steps"],
            "slate size": slate_size,
        },
        "fitting": {
            "search": type(result.search).__name__,
            "confidence": result.confidence,
            "log-likelihood a step": content["log_likelihood_per_step"],
            "seconds": content["seconds"],
        },
        "checks": _card_checks(content["checks"]),
        "findings": content["checks"]["findings"],
    }


def _card_checks(checks: Mapping[str, Any]) -> dict[str, Any]:
    """Single figures of a validation for the model card."""
    where = "held-out" if checks["is_held_out"] else "fitted"
    predictions = checks["predicts"]
    figures = {
        f"nats a document shown, {where} sessions: {name}": score["nats"]["value"]
        for name, score in (predictions["scores"] or {}).items()
    }
    for name, calibration in predictions["calibrations"].items():
        figures[f"expected calibration error of {label(name)}"] = calibration["expected_error"]
    return figures


def _row(
    title: str, estimate: Mapping[str, Any], index: tuple[int, ...], not_identified: bool
) -> tuple[str, str, str, str]:
    """The row of an element of a parameter."""
    value, error, low, high = (
        np.asarray(estimate[name], np.float64)[index]  # None is NaN.
        for name in ("value", "standard_error", "low", "high")
    )
    interval = "" if np.isnan(low) else f"[{low:.4g}, {high:.4g}]"
    if not_identified:
        interval = "not identified"
    return title, f"{value:.5g}", "" if np.isnan(error) else f"{error:.3g}", interval


def _log_likelihoods(content: Mapping[str, Any]) -> list[str]:
    """Lines on the log-likelihood, its parts, the draws that it comes from, and errors."""
    fitted = [content["log_likelihood_per_step"], content.get("known_log_density_per_step", 0.0)]
    held_out = [
        content["held_out_log_likelihood_per_step"],
        content.get("held_out_known_log_density_per_step") or 0.0,
    ]
    lines = [
        f"Log-likelihood a step: {fitted[0]:.5f} over {content['sessions']:,} sessions fitted",
        f"Of this, what users did: {fitted[0] - fitted[1]:.5f}; what was known of them before:"
        f" {fitted[1]:.5f}",
    ]
    if held_out[0] is not None:
        lines[0] += f", {held_out[0]:.5f} over {content['held_out_sessions']:,} held out"
        lines[1] += f"; held out: {held_out[0] - held_out[1]:.5f} and {held_out[1]:.5f}"
    is_some_known = any([fitted[1], held_out[1]])
    sentences = filter(None, [content.get("of_draws"), content.get("of_errors")])
    return [*lines[: 1 + is_some_known], *sentences]


def estimates_table(content: Mapping[str, Any]) -> str:
    """A table of the estimates in results.json with intervals, and the log-likelihoods."""
    rows = [("parameter", "estimate", "s.e.", f"{content['confidence']:.0%} interval")]
    not_identified = content.get("not_identified", [])
    for name, estimate in content["estimates"].items():
        value = estimate.get("value")
        if np.size(value) > _LARGEST_PRINTED or "value" not in estimate:
            shape = estimate.get("shape", list(np.shape(value)))
            rows.append((name, "", "", f"a table {shape}, see the model"))
            continue
        for index in np.ndindex(np.shape(value)):
            title = element(name, index)
            rows.append(_row(title, estimate, index, title in not_identified))
        drawn = content.get("posterior", {}).get(name)
        if drawn is not None and np.ndim(value) == 0:
            spread = (
                f"R-hat {drawn['r_hat']:.3f}, {drawn['effective_sample_size']:,.0f} effective draws"
            )
            cells = f"{drawn['mean']:.5g}", f"{drawn['sd']:.3g}", spread
            rows.append(("  posterior by NUTS", *cells))
    lines = [text_table(rows, left=(0, 3))]
    lines += _log_likelihoods(content)
    if content.get("latents"):
        lines.append(f"{content['latents']}.")
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
            "The fit has not converged: raise LBFGS.max_iterations, Minibatches.passes or"
            " MonteCarloEM.iterations in another folder."
        )
    return "\n".join(lines)
