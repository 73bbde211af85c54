# SPDX-License-Identifier: Apache-2.0
"""The protocol of the suite, by which scores of different agents can be compared."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recsim_tf.experiment.sweeps.results import TrialResult
from recsim_tf.experiment.sweeps.trial import FINISHED


class Protocol(NamedTuple):
    """What scores depend on beside the environment and the agent."""

    name: str
    num_seeds: int  # of training
    num_sessions: int  # of an evaluation, at least; worlds of users are whole
    most_user_steps: int  # of a training

    def words(self) -> str:
        return (
            f"{self.name}: {self.num_seeds} seeds of each agent, at most"
            f" {self.most_user_steps:,} user steps of training, and {self.num_sessions:,} sessions"
            " of an evaluation, whose users are the same for all policies of an environment."
        )

    def departures(
        self, trials: Sequence[TrialResult], rules: Sequence[Mapping[str, Any]]
    ) -> list[str]:
        """Sentences on finished trials, and results of rules, that depart from the protocol, one
        for each reason.
        """
        finished = [trial for trial in trials if trial.status == FINISHED]
        seeds: dict[str, int] = {}
        for trial in finished:
            label = trial.trial.variant.label
            seeds[label] = seeds.get(label, 0) + 1
        few = [label for label, count in seeds.items() if count < self.num_seeds]
        sessions = {trial.policies[-1]["episodes"] for trial in finished}
        sessions |= {rule["episodes"] for rule in rules}
        few_sessions = min(sessions, default=self.num_sessions)
        long = {
            trial.trial.variant.label: trial.measured["env_steps"]
            for trial in finished
            if (trial.measured["env_steps"] or 0) > self.most_user_steps
        }
        sentences = []
        if few:
            sentences.append(
                f"Agents with fewer than {self.num_seeds} seeds: {len(few)}, such as"
                f" {few[0].removeprefix('gin_file=')}."
            )
        if few_sessions < self.num_sessions:
            sentences.append(f"Policies were evaluated by {few_sessions:,} sessions.")
        if long:
            label, steps = next(iter(long.items()))
            sentences.append(f"{label} was trained for {steps:,.0f} user steps.")
        return sentences


PROTOCOL = Protocol("suite-1", num_seeds=5, num_sessions=5000, most_user_steps=5_000_000)
