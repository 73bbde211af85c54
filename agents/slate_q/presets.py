"""The SlateQ agents that RecSim 0.2.4 names, as arguments of `SlateQAgent`."""

from typing import Any

from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.slate_q.targets import SlateQTargets
from recsim_tf.core.validation import check_one_of

# RecSim's TS, GS, OS serve and its TT, GT, OT are in the target; what it calls optimal is exact
# here. Its myopic agents have gamma 0. By name: serving slates, and arguments of the targets.
_PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "dp_random": ("greedy", {"target": "sarsa"}),
    "slate_topk_sarsa": ("top_k", {"target": "sarsa"}),
    "myopic_slate_topk_sarsa": ("top_k", {"target": "sarsa", "gamma": 0.0}),
    "slate_greedy_sarsa": ("greedy", {"target": "sarsa"}),
    "myopic_slate_greedy_sarsa": ("greedy", {"target": "sarsa", "gamma": 0.0}),
    "slate_topk_topk_q": ("top_k", {"target": "q_learning", "slates": "top_k"}),
    "slate_greedy_greedy_q": ("greedy", {"target": "q_learning", "slates": "greedy"}),
    "slate_topk_optimal_q": ("top_k", {"target": "q_learning", "slates": "exact"}),
    "slate_greedy_optimal_q": ("greedy", {"target": "q_learning", "slates": "exact"}),
    "slate_optimal_optimal_q": ("exact", {"target": "q_learning", "slates": "exact"}),
}

PRESETS = tuple(_PRESETS)


def preset_arguments(name: str) -> dict[str, Any]:
    """Arguments of `SlateQAgent` for the agent of that name, one of `PRESETS`.

    What a preset does not name, as the lambda of the targets, comes from gin bindings.

    Raises:
      ValueError: for an unknown name, with the known ones.
    """
    check_one_of(PRESETS, preset=name)
    serving_slates, targets = _PRESETS[name]
    arguments: dict[str, Any] = {
        "serving_slates": serving_slates,
        "targets": SlateQTargets(**targets),
    }
    if name == "dp_random":
        arguments["exploration"] = Exploration(epsilon=1.0, eval_epsilon=1.0)
    return arguments
