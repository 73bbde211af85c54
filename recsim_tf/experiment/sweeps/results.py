# SPDX-License-Identifier: Apache-2.0
"""Results of a sweep: a row for each trial, and for each variant an estimate over its seeds."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from recsim_tf.evaluation.policy_results import columns as result_columns
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.sweep_folder import SweepDirectory
from recsim_tf.experiment.sweeps.trial import FINISHED, Trial, TrialFiles, Variant
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.files import read_text
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import frame, label

_OPERATIVE = "operative_config.gin"
_EVALUATION = "AverageEpisodeRewards/eval"
_CONFIDENCE = 0.95
_RESAMPLES = 2000
# Fewer seeds have no quarter to cut off at each end.
_LEAST_FOR_QUARTILES = 4
_interquartile_mean = functools.partial(stats.trim_mean, proportiontocut=0.25)

MEAN_OF_SESSIONS = "one seed"
MEAN = "mean"
INTERQUARTILE_MEAN = "IQM"
# In words, for a table's notes.
METHODS = {
    MEAN_OF_SESSIONS: (
        "the mean of one seed's sessions, ± 1.96 standard errors: it says nothing about other seeds"
    ),
    MEAN: "the mean over seeds, with Student's t interval of 95%",
    INTERQUARTILE_MEAN: (
        "the interquartile mean over seeds, with a percentile-bootstrap interval of 95% (Agarwal et"
        " al. 2021)"
    ),
}


class IntervalEstimate(NamedTuple):
    """A number, its 95% interval, and how they were found, of `METHODS`."""

    value: float
    low: float
    high: float
    method: str


def interval_estimate(
    values: Sequence[float], standard_errors: Sequence[float]
) -> IntervalEstimate:
    """The expected value of a seed.

    From four seeds on it is the interquartile mean with a percentile bootstrap over seeds, as
    Agarwal et al. 2021 (arXiv 2108.13264) recommend for few seeds; with two or three the mean with
    Student's t interval.

    Args:
      values: the values of at least one seed.
      standard_errors: the standard errors of the values, from the sessions of each evaluation. They
        are taken where there is one seed only.
    """
    sample = np.asarray(values, np.float64)
    if len(sample) < _LEAST_FOR_QUARTILES:
        one_seed = len(sample) == 1
        of_seeds = Mean(float(sample[0]), standard_errors[0]) if one_seed else Mean.of(sample)
        low, high = of_seeds.interval(_CONFIDENCE)
        method = MEAN_OF_SESSIONS if one_seed else MEAN
        return IntervalEstimate(of_seeds.value, low, high, method)
    interval = stats.bootstrap(
        (sample,),
        _interquartile_mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    mean, low, high = map(float, (_interquartile_mean(sample), interval.low, interval.high))
    return IntervalEstimate(mean, low, high, INTERQUARTILE_MEAN)


class TrialResult(NamedTuple):
    """The results of one trial; a number is None where there is none."""

    trial: Trial
    status: str
    error: str
    folder: str  # of the run, from the sweep's
    policies: Sequence[dict[str, Any]]  # of results.json, the agent last
    curve: Sequence[dict[str, Any]]  # the rows of metrics.jsonl that hold an evaluation
    # the columns of `MEASURES`, and those of measures and segments of the user's own
    measured: dict[str, float | None]
    operative: str  # operative_config.gin


# Columns of sweep.csv, and where they are: in results.json of the agent and of the training, or in
# the last evaluation of a trial that did not end.
_MEASURES = {
    "return": ("mean_return", _EVALUATION),
    "standard_error": ("standard_error", "StandardError/eval"),
    "session_length": ("mean_length", "AverageEpisodeLength/eval"),
    "click_rate": ("click_rate", "CTR/eval"),
    "quality": ("mean_quality", "AverageQuality/eval"),
    "iterations": ("iterations", "iteration"),
    "env_steps": ("env_steps", "env_steps"),
    "seconds": ("seconds", "seconds"),
}
MEASURES = tuple(_MEASURES)


class VariantResult(NamedTuple):
    """The results of the finished trials of one variant."""

    variant: Variant
    num_trials: int
    finished: Sequence[TrialResult]
    estimate: IntervalEstimate | None  # of the return; None without a finished trial

    def mean(self, measure: str) -> float | None:
        """The mean of a measure over the finished trials that have it."""
        values = [
            value for result in self.finished if (value := result.measured.get(measure)) is not None
        ]
        return float(np.mean(values)) if values else None


class SweepResult(NamedTuple):
    """The results of all trials so far."""

    swept: Sequence[str]  # names of bindings, and "gin_file"
    trials: Sequence[TrialResult]
    variants: Sequence[VariantResult]  # the best first, those without a finished trial last
    # mean returns of the other policies that all finished trials agree on
    baselines: dict[str, float]
    measures: Sequence[str]  # of the user's own that some finished trial has
    segments: Sequence[str]  # their means by segment, named as in `policy_results.columns`

    def to_frame(self) -> Any:
        """A DataFrame with a row for each variant, the best first: its bindings, the return with
        its 95% interval, and means of measures; NaN where no trial has finished. Raises an
        ImportError if pandas is not installed.
        """
        nothing = IntervalEstimate(np.nan, np.nan, np.nan, "")
        rows = []
        for result in self.variants:
            estimate = result.estimate or nothing
            row = {
                **{name: result.variant.bindings.get(name) for name in self.swept},
                "trials": result.num_trials,
                "finished": len(result.finished),
                "return": estimate.value,
                "interval from": estimate.low,
                "interval to": estimate.high,
                "statistic": estimate.method,
                **{
                    label(name) if name in MEASURES else name: result.mean(name)
                    for name in self.shown
                },
            }
            rows.append(row)
        return frame(rows)

    @property
    def shown(self) -> tuple[str, ...]:
        """The measures of variants, beside the return. Few environments have a quality."""
        has_quality = any(variant.mean("quality") is not None for variant in self.variants)
        quality = ("quality",) if has_quality else ()
        return ("session_length", "click_rate", *quality, *self.measures, *self.segments)


def read_results(folder: SweepDirectory) -> SweepResult:
    """Reads the results of a sweep from the files of its trials."""
    trials = [_read(folder.path, trial, folder.files[trial.name]) for trial in folder.trials]
    swept = list(dict.fromkeys(name for trial in folder.trials for name in trial.variant.bindings))
    variants: dict[str, list[TrialResult]] = {}
    for result in trials:
        variants.setdefault(result.trial.variant.label, []).append(result)
    summaries = sorted(
        map(_summary, variants.values()),
        key=lambda v: -np.inf if v.estimate is None else v.estimate.value,
        reverse=True,
    )
    finished = [result for result in trials if result.status == FINISHED]
    further = dict.fromkeys(
        name for result in finished for name in result.measured if name not in _MEASURES
    )
    return SweepResult(
        swept,
        trials,
        summaries,
        _baselines(finished),
        measures=[name for name in further if "/" not in name],
        segments=[name for name in further if "/" in name],
    )


def _read(root: Path, trial: Trial, files: TrialFiles) -> TrialResult:
    status, error = files.outcome()
    rows: Sequence[dict[str, Any]] = ()
    operative = ""
    try:
        if (files.run / "config.gin").is_file():
            rows = RunDirectory(files.run).metrics()
        if (files.run / _OPERATIVE).is_file():
            operative = read_text(files.run / _OPERATIVE, "the summary leaves it out")
    except ValueError as damage:  # The results are there.
        error = error or str(damage)
    curve = [row for row in rows if _EVALUATION in row]
    results = files.results() if status == FINISHED else None
    if results is not None:
        agent = results.policies[-1]
        numbers = {**results.train, **agent}
        measured = {measure: numbers.get(name) for measure, (name, _) in _MEASURES.items()}
        measured |= result_columns(agent)
    else:
        last = curve[-1] if curve else {}
        measured = {measure: last.get(name) for measure, (_, name) in _MEASURES.items()}
    return TrialResult(
        trial,
        status,
        error,
        str(files.run.relative_to(root)),
        results.policies if results is not None else (),
        curve,
        measured,
        operative,
    )


def _summary(results: Sequence[TrialResult]) -> VariantResult:
    finished = [result for result in results if result.status == FINISHED]
    agents = [result.policies[-1] for result in finished]
    estimate = None
    if agents:
        estimate = interval_estimate(
            [agent["mean_return"] for agent in agents],
            [agent["standard_error"] for agent in agents],
        )
    return VariantResult(results[0].trial.variant, len(results), finished, estimate)


def _baselines(finished: Sequence[TrialResult]) -> dict[str, float]:
    if not finished:
        return {}
    by_trial = [
        {policy["name"]: policy["mean_return"] for policy in result.policies[:-1]}
        for result in finished
    ]
    return {
        name: value
        for name, value in by_trial[0].items()
        if all(returns.get(name) == value for returns in by_trial)
    }


def table_files(result: SweepResult) -> dict[str, Any]:
    """Contents of the files sweep.csv, which has a row for each trial, and sweep.json, which also
    has the variants and the baselines.
    """
    rows = [_row(result, trial) for trial in result.trials]
    variants = [
        {
            "variant": variant.variant.label,
            "bindings": variant.variant.bindings,
            "trials": variant.num_trials,
            "finished": len(variant.finished),
            "return": None if variant.estimate is None else variant.estimate._asdict(),
            **{measure: variant.mean(measure) for measure in result.shown},
        }
        for variant in result.variants
    ]
    content = {
        "swept": result.swept,
        "variants": variants,
        "baselines": result.baselines,
        "trials": rows,
    }
    return {"sweep.csv": pandas().DataFrame(rows, dtype=object), "sweep.json": content}


def _row(sweep: SweepResult, result: TrialResult) -> dict[str, Any]:
    trial = result.trial
    bindings = {name: trial.variant.bindings.get(name) for name in sweep.swept}
    named = {"trial": trial.name, "status": result.status, **bindings, "seed": trial.seed}
    columns = (*MEASURES, *sweep.measures, *sweep.segments)
    # Before its end a trial has these in its learning curve.
    last = result.curve[-1] if result.curve else {}
    measured = {name: result.measured.get(name, last.get(f"{name}/eval")) for name in columns}
    return {**named, **measured, "error": result.error, "folder": result.folder}
