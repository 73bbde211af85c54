"""Simulation under a fixed policy."""

import json
import time
from typing import Any

import gin

from recsim_tf.agents.baselines import baseline_policy
from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment import report
from recsim_tf.experiment.evaluate import Evaluation
from recsim_tf.experiment.run_dir import RunDirectory, write_text


@gin.configurable(module="recsim_tf", denylist=["run_dir"])
def simulate(run_dir: RunDirectory, simulator: Simulator = gin.REQUIRED, policy: str = "random") -> dict[str, Any]:
    """Simulates one session of each user of the configured `Evaluation` and writes results.json into a folder.

    Args:
      run_dir: the folder.
      simulator: the environment.
      policy: a baseline: "random", "myopic" or "oracle".
    """
    evaluation = Evaluation()
    evaluator = evaluation.evaluator(policy, simulator, baseline_policy(policy, simulator))
    started = time.perf_counter()
    result = evaluator()
    seconds = time.perf_counter() - started
    content = {
        "policies": [result.as_json()],
        "simulate": {"seconds": round(seconds, 3), "user_steps": result.mean_length * result.episodes},
    }
    with run_dir.claim():
        write_text(run_dir.path / "operative_config.gin", gin.operative_config_str())
        write_text(run_dir.path / "results.json", json.dumps(content, indent=2) + "\n")
    print(report.results_table([result]))
    return content
