"""Results of policies: what the measures say of their sessions, as numbers, JSON and tables."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.core.nests import as_json
from recsim_tf.evaluation import measures
from recsim_tf.evaluation.comparison import Setting
from recsim_tf.evaluation.measures import Measure
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import text_table


@dataclasses.dataclass(frozen=True)
class PolicyResult:
    """The results of B sessions under one policy.

    `result["return"]` is the mean return with its error; "steps", "clicks", "left" and "time_limit"
    are means of a session too; "click_rate" is clicks a step, "document_click_rate" clicks a shown
    document and "mean_quality" that of clicked documents, where responses have a quality;
    "cluster_watch_count_frac/cluster_0" and so on, with "no_click", are fractions of the steps; and
    the measures of `Evaluation.measures` have the names that they were given.
    """

    name: str
    policy: str  # the name without the setting
    means: Mapping[str, Mean]  # by measure, see `measures.summaries`
    given: tuple[str, ...]  # those of `Evaluation.measures`
    # float64 [B, ...]: the sum of each session, by measure, and its segments, by name
    sessions: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    # by the name of the segments and the number of the segment
    segments: Mapping[str, Mapping[str, "PolicyResult"]]
    episodes: int
    setting: Setting | None = None  # of a comparison
    # of the mean return, 95 %, with the uncertainty of fitted parameters, see `FittedModel`
    interval: tuple[float, float] | None = None
    support: str | None = None  # a sentence, see `fitting.slate_support`

    @classmethod
    def of(
        cls,
        name: str,
        all_measures: Mapping[str, Measure],
        sessions: Mapping[str, np.ndarray],
        given: Iterable[str] = (),
        segments: Iterable[str] = (),
        users_per_world: int = 1,
    ) -> "PolicyResult":
        """Summarises sessions by measures of which some were given, and by segments of users; other
        measures than those of [B] have no segments.
        """
        means = measures.summaries(all_measures, sessions, users_per_world)
        of_sessions = {
            measure: all_measures[measure]
            for measure in means
            if all(sessions[part].ndim == 1 for part in all_measures[measure].of or (measure,))
        }
        given = tuple(measure for measure in given if measure in means)

        def part(rows: np.ndarray) -> PolicyResult:
            of_rows = {measure: sums[rows] for measure, sums in sessions.items()}
            return cls.of(name, of_sessions, of_rows, given)

        by_segment = {
            segment: {f"{number:.0f}": part(numbers == number) for number in np.unique(numbers)}
            for segment, numbers in ((segment, sessions[segment]) for segment in segments)
        }
        return cls(name, name, means, given, sessions, by_segment, len(sessions["return"]))

    def __getitem__(self, measure: str) -> Mean:
        """The mean of a measure, or its number; its parts are NaN where there are none."""
        return self.means[measure]

    def __str__(self) -> str:
        return str(Results([self]))

    def _repr_html_(self) -> str:
        return Results([self])._repr_html_()

    @property
    def unfinished(self) -> int:
        """Sessions that were cut off when the evaluation ended."""
        ended = self.sessions["left"] + self.sessions["time_limit"]
        return self.episodes - int(ended.sum())

    def of_setting(self, setting: Setting) -> "PolicyResult":
        """The result as one of a comparison; the setting is added to its name."""
        name = f"{self.policy} [{setting.label}]"
        return dataclasses.replace(self, name=name, setting=setting)

    def tags(self, suffix: str) -> dict[str, float]:
        """RecSim's scalar tags, the standard error of the mean return, and tags of the given
        measures and of segments.
        """
        content = self.as_json()
        scalars = {
            **measures.tags(self.means),
            "StdEpisodeRewards": float(self.sessions["return"].std()),
            "StandardError": content["standard_error"],
            **columns(content),
        }
        return {f"{tag}/{suffix}": value for tag, value in scalars.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """All but the single sessions; None for what has no number, and 0 for the standard errors
        of return and length where all users share a world. In a comparison also the values by gin
        name, and the seed; of a fitted model also interval and support.
        """
        rates = ("click_rate", "document_click_rate", "mean_quality")
        fractions = {
            name.removeprefix(measures.CLUSTERS): found.value
            for name, found in self.means.items()
            if name.startswith(measures.CLUSTERS)
        }
        further: dict[str, Any] = {"interval": self.interval, "support": self.support}
        if self.setting is not None:
            further |= {"values": self.setting.values, "seed": self.setting.seed}
        content = {
            "name": self.name,
            "mean_return": self["return"].value,
            "standard_error": np.nan_to_num(self["return"].standard_error),
            "episodes": self.episodes,
            "mean_length": self["steps"].value,
            "length_standard_error": np.nan_to_num(self["steps"].standard_error),
            **{name: self[name].value for name in rates if name in self.means},
            **({"cluster_watch_count_frac": fractions} if fractions else {}),
            "measures": {name: _error_too(self[name]) for name in self.given},
            "segments": {
                segment: {
                    number: {
                        "episodes": part.episodes,
                        "return": _error_too(part["return"]),
                        "measures": {name: _error_too(part[name]) for name in part.given},
                    }
                    for number, part in parts.items()
                }
                for segment, parts in self.segments.items()
            },
            "unfinished": self.unfinished,
            **{name: value for name, value in further.items() if value is not None},
        }
        return as_json(content)

    def row(self) -> dict[str, str]:
        """A row of a table, without the name, by the head of the table."""
        row = {"return": _text(self["return"])}
        if self.interval is not None:
            row["with the fit's error"] = "{:.2f} to {:.2f}".format(*self.interval)
        row["session length"] = _text(self["steps"])
        row["click rate"] = _text(self["click_rate"].value, 4)
        if "mean_quality" in self.means:
            row["quality"] = _text(self["mean_quality"].value, 3)
        row |= {name: _text(self[name]) for name in self.given}
        return row | {"sessions": f"{self.episodes:,}"}


def _error_too(found: Mean) -> dict[str, float]:
    return {"mean": found.value, "standard_error": found.standard_error}


def _text(found: Mean | float, digits: int = 4) -> str:
    """A mean with its error, or a number without one; empty without a number."""
    value, error = found[:2] if isinstance(found, Mean) else (found, math.nan)
    if math.isnan(value):
        return ""
    return f"{value:.{digits}f}" if math.isnan(error) else f"{value:.2f} ± {error:5.2f}"


class Results(list[PolicyResult]):
    """The results of an evaluation, which are printed as a table."""

    def over_seeds(self) -> "Results":
        """The means over the seeds of a comparison: a result for each policy and values, none with
        a single seed. Standard errors are those of the mean over seeds. There are no segments.
        """
        groups: dict[tuple[str, str], list[PolicyResult]] = {}
        for result in self:
            if result.setting is not None:
                groups.setdefault((result.policy, result.setting.of_values), []).append(result)
        return Results(_mean(group) for group in groups.values() if len(group) > 1)

    def as_json(self) -> dict[str, Any]:
        """For results.json: "policies", and "over_seeds" where there are several seeds."""
        content = {"policies": [result.as_json() for result in self]}
        if means := self.over_seeds():
            content["over_seeds"] = [result.as_json() for result in means]
        return content

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each policy: the sessions, each measure that has a
        number, and after these the standard errors, as "return_error".
        """
        rows = {
            result.name: {
                "sessions": result.episodes,
                **{name: found.value for name, found in result.means.items()},
                **{f"{name}_error": found.standard_error for name, found in result.means.items()},
            }
            for result in self
        }
        return pandas().DataFrame.from_dict(rows, orient="index").dropna(axis=1, how="all")

    def rows(self) -> list[dict[str, str]]:
        """The rows of the table, with the means over seeds."""
        return [{"policy": result.name, **result.row()} for result in (*self, *self.over_seeds())]

    def _repr_html_(self) -> str:
        return pandas().DataFrame(self.rows()).to_html(index=False)

    def __str__(self) -> str:
        """Tables of policies, means over seeds, and segments, with standard errors, as text."""
        lines = [text_table(self.rows())]
        segments = [
            {"policy": result.name, "segment": f"{segment} {number}", **part.row()}
            for result in self
            for segment, parts in result.segments.items()
            for number, part in parts.items()
        ]
        if segments:
            lines += ["", text_table(segments), ""]
        cut_off = [f"{result.name} {result.unfinished:,}" for result in self if result.unfinished]
        if cut_off:
            lines.append(f"Sessions cut off at the evaluation's step limit: {', '.join(cut_off)}")
        lines.append("± is one standard error of the mean.")
        if any(result.interval for result in self):
            lines.append(
                "Intervals, 95 %, hold the uncertainty of the fitted parameters too, and no error"
                " in the model's form."
            )
        lines += [f"{result.name}: {result.support}" for result in self if result.support]
        return "\n".join(lines)


def _mean(group: Sequence[PolicyResult]) -> PolicyResult:
    """The mean of the results of several seeds, with the sessions of all."""
    means = {}
    for name in group[0].means:
        values = np.array([result[name].value for result in group])
        means[name] = Mean.of(values[~np.isnan(values)])
    sessions = {
        name: np.concatenate([result.sessions[name] for result in group])
        for name in group[0].sessions
    }
    settings = [result.setting for result in group if result.setting is not None]
    label = ", ".join(filter(None, (settings[0].of_values, f"mean of {len(group)} seeds")))
    seeds = tuple(setting.seed for setting in settings)
    all_seeds = dataclasses.replace(
        group[0],
        means=means,
        sessions=sessions,
        segments={},
        episodes=sum(result.episodes for result in group),
    )
    return all_seeds.of_setting(settings[0]._replace(seed=seeds, label=label))


def columns(policy: Mapping[str, Any]) -> dict[str, float | None]:
    """Means of given measures and of segments of a policy of results.json, by names for TensorBoard
    and for the columns of a sweep, as "revenue", "return/age=1" and "revenue/age=1".
    """
    found = {name: value["mean"] for name, value in policy.get("measures", {}).items()}
    for segments, numbers in policy.get("segments", {}).items():
        for number, result in numbers.items():
            for name, value in {"return": result["return"], **result["measures"]}.items():
                found[f"{name}/{segments}={number}"] = value["mean"]
    return found
