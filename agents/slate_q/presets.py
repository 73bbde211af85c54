"""The SlateQ agents that RecSim 0.2.4 names, as arguments of `SlateQAgent`."""

from typing import Any

# RecSim's TS, GS, OS serve and its TT, GT, OT are in the target; what it calls optimal is exact
# here. Its myopic agents have gamma 0.
PRESETS: dict[str, dict[str, Any]] = {
    "dp_random": {
        "serving_slates": "greedy",
        "target": "sarsa",
        "epsilon": 1.0,
        "eval_epsilon": 1.0,
    },
    "slate_topk_sarsa": {"serving_slates": "top_k", "target": "sarsa"},
    "myopic_slate_topk_sarsa": {"serving_slates": "top_k", "target": "sarsa", "gamma": 0.0},
    "slate_greedy_sarsa": {"serving_slates": "greedy", "target": "sarsa"},
    "myopic_slate_greedy_sarsa": {"serving_slates": "greedy", "target": "sarsa", "gamma": 0.0},
    "slate_topk_topk_q": {
        "serving_slates": "top_k",
        "target": "q_learning",
        "target_slates": "top_k",
    },
    "slate_greedy_greedy_q": {
        "serving_slates": "greedy",
        "target": "q_learning",
        "target_slates": "greedy",
    },
    "slate_topk_optimal_q": {
        "serving_slates": "top_k",
        "target": "q_learning",
        "target_slates": "exact",
    },
    "slate_greedy_optimal_q": {
        "serving_slates": "greedy",
        "target": "q_learning",
        "target_slates": "exact",
    },
    "slate_optimal_optimal_q": {
        "serving_slates": "exact",
        "target": "q_learning",
        "target_slates": "exact",
    },
}


def preset_arguments(name: str) -> dict[str, Any]:
    """Arguments of `SlateQAgent` for the agent of that name.

    Raises:
      ValueError: for an unknown name, with the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
    return dict(PRESETS[name])
