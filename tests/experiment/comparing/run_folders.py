# SPDX-License-Identifier: Apache-2.0
"""Folders of finished runs, written by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENT = {
    "simulator": "Simulator",
    "slate_size": "3",
    "users": "InterestEvolutionUsers",
    "users.time_budget": "200.0",
    "Evaluation.max_steps": "20",
}


def write_run(
    folder: Path,
    policies: dict[str, Any],
    environment: dict[str, str] = ENVIRONMENT,
    seed: int = 1,
    users_per_world: int = 1,
    **content: Any,
) -> Path:
    """Writes what a finished run leaves, and returns its folder.

    Args:
      folder: to be made.
      policies: the returns of all users, by policy.
      environment: the parts of its environment, by name.
      seed: of the evaluation.
      users_per_world: users who share a corpus.
      content: more of results.json, such as `train={}`.
    """
    folder.mkdir(parents=True)
    (folder / "config.gin").write_text("")
    described = {"parts": environment, "seed": seed, "draws": [1, None]}
    (folder / "environment.json").write_text(json.dumps(described))
    results, rows = [], ["policy,user,return,steps"]
    for name, values in policies.items():
        returns = np.asarray(values, float)
        results.append(
            {
                "name": name,
                "mean_return": returns.mean(),
                "episodes": len(returns),
                "users_per_world": users_per_world,
                "click_rate": 0.5,
            }
        )
        rows += [f"{name},{user},{value:.9g},3" for user, value in enumerate(returns)]
    (folder / "results.json").write_text(json.dumps({"policies": results, **content}))
    (folder / "sessions.csv").write_text("\n".join([*rows, ""]))
    return folder
