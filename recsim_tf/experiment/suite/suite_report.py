# SPDX-License-Identifier: Apache-2.0
"""The table, the page and the plot of the suite."""

from collections.abc import Sequence
from typing import Any

from recsim_tf.experiment.suite.scores import RANDOM, SOLVED, Entry, Environment
from recsim_tf.support.pages import Chart, Code, Note, Section, Table, page
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, text_table

_EXPLANATION = (
    "A score is the share of the way from random slates, 0, to the bound, 1. An optimum is reached"
    " by a policy that knows the states of users and all that is hidden. A bound may be out of"
    " reach, so low scores under a bound may be the fault of the bound."
)


def suite_rows(environments: Sequence[Environment]) -> list[dict[str, Any]]:
    """A row for each policy of an environment, with numbers."""
    return [
        {
            "environment": environment.name,
            "policy": entry.policy,
            "kind": "agent" if entry.is_agent else "rule",
            "seeds": entry.num_seeds,
            "return": entry.value,
            "low": entry.low,
            "high": entry.high,
            "random": environment.random,
            "bound": environment.bound and environment.bound.value,
            "bound error": environment.bound and environment.bound.error,
            "bound kind": environment.bound and environment.bound.kind,
            "score": entry.score and entry.score.value,
            "score low": entry.score and entry.score.low,
            "score high": entry.score and entry.score.high,
            "user steps": entry.user_steps,
            "seconds": entry.seconds,
        }
        for environment in environments
        for entry in environment.entries
    ]


def scores_table(environments: Sequence[Environment]) -> str:
    """The best rule and the best agent of each environment, as text."""
    return text_table(list(map(_summary, environments)), left=(0, 3, 4, 5, 6))


def suite_page(
    environments: Sequence[Environment], protocol: str, departures: Sequence[str], command: str
) -> dict[str, Any]:
    """Contents of the files suite.html and suite.png."""
    size = (10, 1.2 + 0.55 * len(environments))
    chart = Chart(
        plot(_draw, environments, size=size).png(), "Scores of all policies, by environment"
    )
    notes = [Note(f"Not by the protocol: {sentence}") for sentence in departures]
    sections = [
        Section("Scores", [_EXPLANATION, Table(list(map(_summary, environments))), *notes, chart]),
        *(
            Section(environment.name, [_proof(environment), Table(_rows(environment))])
            for environment in environments
        ),
        Section("Protocol", [protocol]),
        Section("Again", [Code(command), "It runs trials that are not finished, and no others."]),
    ]
    return {"suite.png": chart.png, "suite.html": page("Suite", sections)}


def _summary(environment: Environment) -> dict[str, str]:
    bound = environment.bound
    return {
        "environment": environment.name,
        "random": fixed(environment.random, 2),
        "bound": "" if bound is None else fixed(bound.value, 2),
        "kind": "" if bound is None else bound.kind,
        "best rule": _named(environment.best(is_agent=False)),
        "best agent": _named(environment.best(is_agent=True)),
        "": environment.reason,
    }


def _named(entry: Entry | None) -> str:
    if entry is None:
        return ""
    score = "" if entry.score is None else f" {fixed(entry.score.value, 2)}"
    return f"{entry.policy}{score}"


def _proof(environment: Environment) -> str:
    bound = environment.bound
    if bound is None:
        return f"There is no score: {environment.reason}."
    value = f"{fixed(bound.value, 2)} ± {fixed(bound.error, 2)}"
    return f"{bound.kind.capitalize()} {value}. {bound.proof}"


def _rows(environment: Environment) -> list[dict[str, Any]]:
    return [
        {
            "policy": entry.policy,
            "kind": "agent" if entry.is_agent else "rule",
            "return": fixed(entry.value, 2),
            "95% interval": f"[{fixed(entry.low, 2)}, {fixed(entry.high, 2)}]",
            "score": "" if entry.score is None else fixed(entry.score.value, 3),
            "interval of the score": ""
            if entry.score is None
            else f"[{fixed(entry.score.low, 3)}, {fixed(entry.score.high, 3)}]",
            "seeds": entry.num_seeds if entry.is_agent else "",
            "user steps": f"{entry.user_steps:,.0f}" if entry.is_agent else "",
            "seconds": fixed(entry.seconds, 0) if entry.is_agent else "",
        }
        for entry in environment.entries
    ]


def _draw(axes: Any, environments: Sequence[Environment]) -> None:
    for row, environment in enumerate(environments):
        for entry in environment.entries:
            if entry.score is None or entry.policy == RANDOM:  # Random slates have 0.
                continue
            colour = "C0" if entry.is_agent else "C1"
            value, low, high = entry.score
            axes.errorbar(
                value, row, xerr=[[value - low], [high - value]], fmt="o", color=colour, capsize=3
            )
    axes.set_yticks(range(len(environments)), [each.name for each in environments], fontsize=9)
    axes.set_ylim(len(environments) - 0.4, -0.6)
    axes.axvline(1.0, color="0.35", linestyle="--", linewidth=1.2)
    axes.axvline(SOLVED, color="0.35", linestyle=":", linewidth=1.2)
    axes.set_xlim(-0.15, 1.05)
    axes.set_xlabel("score: 0 is random slates, 1 the bound; blue: agents, orange: rules")
