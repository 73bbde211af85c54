"""Agents that learn when to ask, beside rules: the packaged configs of conversations, three seeds.

Users have trust and patience, and questions annoy them. The EVOI rule counts what a turn costs in
utility, and knows nothing of patience. Beside it is the rule with a higher cost, which was tuned on
other users and so counts patience too.
"""

import tempfile
from pathlib import Path

import training_runs
from sections import Section, Settings, mean_and_error, section
from training_runs import Row

_SEEDS = 3
_RULE = "conversation/ask.gin"
_BEST = "conversation/recommend.gin"
_ROWS = {
    "recommend_only": ("best three", Row(_BEST, ("simulate.policies=(@RecommendBest,)",))),
    "set": ("best set of three", Row(_BEST, ("simulate.policies=(@RecommendSet,)",))),
    "evoi_rule": ("EVOI rule", Row(_RULE, ("simulate.policies=(@AskWhileItPays,)",))),
    "evoi_rule_tuned": (
        "EVOI rule, tuned cost",
        Row(_RULE, ("simulate.policies=(@tuned/AskWhileItPays,)",)),
    ),
    "dqn": ("DQN on turns", Row("conversation/dqn.gin")),
    "oracle": ("knows tastes", Row("conversation/oracle.gin")),
}


def measure(settings: Settings) -> Section:
    with tempfile.TemporaryDirectory() as scratch:
        tasks = [
            (name, settings.seed + seed)
            for name in _ROWS
            for seed in range(2 if settings.quick else _SEEDS)
        ]
        results = training_runs.run_all(
            tasks,
            lambda task: training_runs.run(
                Path(scratch) / f"{task[0]}_{task[1]}", _ROWS[task[0]][1], task[1], settings.quick
            ),
            2,
        )
    figures: dict[str, float] = {}
    rows = [("policy", "return", "±", "turns")]
    for name, (label, _) in _ROWS.items():
        found = [result for (task, _), result in results.items() if task == name]
        mean, error = mean_and_error([one["mean_return"] for one in found])
        # Of rules the seeds are other users, so that their spread is that of the evaluation.
        turns = sum(one["mean_length"] for one in found) / len(found)
        figures |= {f"learning.{name}": mean, f"learning.{name}_se": error}
        rows.append((label, f"{mean:.3f}", f"{error:.3f}", f"{turns:.1f}"))
    least = max(
        figures["learning.evoi_rule"]
        + 2 * (figures["learning.evoi_rule_se"] ** 2 + figures["learning.dqn_se"] ** 2) ** 0.5,
        figures["learning.recommend_only"]
        + 0.2 * (figures["learning.oracle"] - figures["learning.recommend_only"]),
    )
    title = "Return a session of Conversation-v0 with trust, patience and annoyance"
    return section(settings, title, rows, figures, {"learning.dqn": (least, float("inf"))})
