# SPDX-License-Identifier: Apache-2.0
"""Results of policies: measures of their sessions, as numbers, JSON and tables."""

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
    """The results of B sessions under a policy.

    `result["return"]` is the mean return with its error. "steps", "clicks", "left" and "time_limit"
    are means over sessions too. "click_rate" is clicks per step, and "document_click_rate" is
    clicks per document shown. "mean_quality" is the mean quality of clicked documents, if responses
    have a quality. "cluster_watch_count_frac/cluster_0" and so on, with "no_click", are fractions
    of the steps. The measures of `Evaluation.measures` have their given names.
    """

    name: str
    policy: str  # the name without the setting
    means: Mapping[str, Mean]  # by name of the measure, see `measures.summaries`
    given: tuple[str, ...]  # names of the measures of `Evaluation.measures`
    # The sums of each session by measure, and its segments by name, float64 [B, ...], or
    # bool [B] where a segment is a condition.
    sessions: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    # Results of segments, by the name of the segments and the number of the segment.
    segments: Mapping[str, Mapping[str, "PolicyResult"]]
    episodes: int
    setting: Setting | None = None  # setting of a comparison
    # 95 % interval of the mean return with the uncertainty of fitted parameters, see `FittedModel`.
    interval: tuple[float, float] | None = None
    support: str | None = None  # a sentence, see `fitting.slate_support`
    users_per_world: int = 1  # users one after the other who share a corpus; else 1

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
        """The summary of sessions by measures and by segments of users. `given` names the measures
        of `Evaluation.measures`. Only measures whose sums are [B] have values for segments.
        """
        means = measures.summaries(all_measures, sessions, users_per_world)
        session_measures = {
            measure: all_measures[measure]
            for measure in means
            if all(sessions[part].ndim == 1 for part in all_measures[measure].of or (measure,))
        }
        given = tuple(measure for measure in given if measure in means)

        def part(rows: np.ndarray) -> PolicyResult:
            segment_means = measures.segment_summaries(
                session_measures, sessions, rows, users_per_world
            )
            segment_sessions = {measure: sums[rows] for measure, sums in sessions.items()}
            kept = tuple(measure for measure in given if measure in segment_means)
            return cls(name, name, segment_means, kept, segment_sessions, {}, int(rows.sum()))

        by_segment = {
            segment: {_label(number): part(numbers == number) for number in np.unique(numbers)}
            for segment, numbers in ((segment, sessions[segment]) for segment in segments)
        }
        return cls(
            name,
            name,
            means,
            given,
            sessions,
            by_segment,
            len(sessions["return"]),
            users_per_world=users_per_world,
        )

    def __getitem__(self, measure: str) -> Mean:
        """The value of a measure, with NaN for a missing value or error."""
        return self.means[measure]

    def __str__(self) -> str:
        return str(Results([self]))

    def _repr_html_(self) -> str:
        return Results([self])._repr_html_()

    @property
    def unfinished(self) -> int:
        """The number of sessions that were cut off at the end of the evaluation."""
        ended = self.sessions["left"] + self.sessions["time_limit"]
        return self.episodes - int(ended.sum())

    def of_setting(self, setting: Setting) -> "PolicyResult":
        """The result with a setting of a comparison, which is added to its name."""
        name = f"{self.policy} [{setting.label}]"
        return dataclasses.replace(self, name=name, setting=setting)

    def tags(self, suffix: str) -> dict[str, float]:
        """Values by tag: RecSim's scalar tags, the standard error of the mean return, and tags of
        the given measures and of segments.
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
        """All results except the single sessions, for JSON.

        A missing value is None, and the standard errors of return and length are 0 if all users
        share a world. A comparison adds the values by gin name, and the seed; a fitted model adds
        interval and support.
        """
        rates = ("click_rate", "document_click_rate", "mean_quality")
        fractions = {
            name.removeprefix(measures.CLUSTERS): mean.value
            for name, mean in self.means.items()
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
            "users_per_world": self.users_per_world,
            "mean_length": self["steps"].value,
            "length_standard_error": np.nan_to_num(self["steps"].standard_error),
            **{name: self[name].value for name in rates if name in self.means},
            **({"cluster_watch_count_frac": fractions} if fractions else {}),
            "measures": {name: _mean_and_error(self[name]) for name in self.given},
            "segments": {
                segment: {
                    number: {
                        "episodes": part.episodes,
                        "return": _mean_and_error(part["return"]),
                        "measures": {name: _mean_and_error(part[name]) for name in part.given},
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
        """A row of a table by names of columns, without the name of the policy."""
        row = {"return": _text(self["return"])}
        if self.interval is not None:
            row["with the fit's error"] = "{:.2f} to {:.2f}".format(*self.interval)
        row["session length"] = _text(self["steps"])
        row["click rate"] = _text(self["click_rate"].value, 4)
        if "mean_quality" in self.means:
            row["quality"] = _text(self["mean_quality"].value, 3)
        row |= {name: _text(self[name]) for name in self.given}
        return row | {"sessions": f"{self.episodes:,}"}


def _label(number: np.generic) -> str:
    """The name of a segment's part: "True" and "False" for a condition, else a whole number."""
    return str(number) if isinstance(number, np.bool_) else f"{number:.0f}"


def _mean_and_error(mean: Mean) -> dict[str, float]:
    return {"mean": mean.value, "standard_error": mean.standard_error}


def _text(mean: Mean | float, digits: int = 4) -> str:
    """A mean with its error, or a number without an error, in words; "" for NaN."""
    value, error = mean[:2] if isinstance(mean, Mean) else (mean, math.nan)
    if math.isnan(value):
        return ""
    return f"{value:.{digits}f}" if math.isnan(error) else f"{value:.2f} ± {error:5.2f}"


class Results(list[PolicyResult]):
    """The results of an evaluation, which are printed as a table."""

    def over_seeds(self) -> "Results":
        """The means over the seeds of a comparison, for each policy and values with several seeds.
        Standard errors are those of the mean over seeds. There are no segments.
        """
        groups: dict[tuple[str, str], list[PolicyResult]] = {}
        for result in self:
            if result.setting is not None:
                groups.setdefault((result.policy, result.setting.of_values), []).append(result)
        return Results(_mean(group) for group in groups.values() if len(group) > 1)

    def as_json(self) -> dict[str, Any]:
        """The content of results.json: "policies", and "over_seeds" if there are several seeds."""
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
                **{name: mean.value for name, mean in result.means.items()},
                **{f"{name}_error": mean.standard_error for name, mean in result.means.items()},
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
                "The 95 % intervals include the uncertainty of the fitted parameters, but no error"
                " in the model's form."
            )
        lines += [f"{result.name}: {result.support}" for result in self if result.support]
        return "\n".join(lines)


def _mean(group: Sequence[PolicyResult]) -> PolicyResult:
    """The mean of the results of several seeds, with the sessions of all seeds."""
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
    """Means of given measures and of segments of a policy of results.json. The names are for
    TensorBoard and for the columns of a sweep, such as "revenue", "return/age=1" and
    "revenue/age=1".
    """
    means = {name: value["mean"] for name, value in policy.get("measures", {}).items()}
    for segments, numbers in policy.get("segments", {}).items():
        for number, result in numbers.items():
            for name, value in {"return": result["return"], **result["measures"]}.items():
                means[f"{name}/{segments}={number}"] = value["mean"]
    return means
