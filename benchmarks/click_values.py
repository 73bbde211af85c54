"""What a click is worth to a trained SlateQ agent as sessions grow older, of runs of `recsim-tf
train` in interest evolution.

    python benchmarks/click_values.py RUN_FOLDER... [--json=PATH] [--quick]

Prints Q(s, click on a document of the topic) - Q(s, no click), in units of reward, mean over users
who follow the agent and are still in session, by the step of the session. A click costs the same of
the budget at any age, so these values should not change with it: what a click earns, less its price
in budget at 1.3 reward a unit, over half a unit for no click, is "worth". An agent whose item
values see the interests can tell the age from them, since interests move with every click. And one
that looks a step ahead never sees a click on a good document end a session, since it gives back
part of the last budget that it takes: to it, all good topics are worth the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import commands
import numpy as np
import tensorflow as tf
from absl import app, flags

from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.core import random
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training.parts import experiment
from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS
_STEPS = (0, 30, 60, 90, 120)
_NUM_USERS = {False: 2000, True: 20}
# Topics in the order of their mean quality, of 20. The 16th is the second with a quality above
# zero.
_GROUPS = {
    "worst five topics": slice(0, 5),
    "16th topic": slice(15, 16),
    "best topic": slice(19, 20),
}


def click_values(folder: Path, num_users: int) -> dict[str, dict[str, float]]:
    """Mean advantage of a click over no click by group of topics and step, and how many users are
    left.

    Args:
      folder: of a run of a SlateQ agent in interest evolution.
      num_users: sessions that are followed.
    """
    run = RunDirectory(str(folder))
    config.load([str(run.config_file)], ())
    parts = experiment()
    if not run.restore_latest(parts.agent_checkpoint, whole=False):
        raise app.UsageError(f"{folder} has no checkpoint")
    simulator, policy = parts.layered, rollout_policy(parts.agent.policy)
    state = simulator.reset(num_users, seed=1)
    num_topics = simulator.observe(state).documents.shape[-1]
    every_topic = tf.tile(tf.eye(num_topics)[tf.newaxis], [num_users, 1, 1])
    found: dict[str, dict[str, float]] = {name: {} for name in (*_GROUPS, "users left")}
    for step in range(max(_STEPS) + 1):
        observation = simulator.observe(state)
        if step in _STEPS:
            advantages = parts.agent.action_values(
                observation._replace(documents=every_topic)
            ).advantages
            advantages = tf.boolean_mask(advantages, ~state.done)
            found["users left"][str(step)] = int(advantages.shape[0])
            for name, topics in _GROUPS.items():
                found[name][str(step)] = (
                    float(tf.reduce_mean(advantages[:, topics]))
                    if len(advantages)
                    else float("nan")
                )
        seed = random.as_seed(step)
        state, _ = simulator.step(state, policy(observation, (), seed)[0], seed)
    return found


def worth(num_topics: int = 20, reward_per_budget: float = 1.3) -> np.ndarray:
    """What a click on each topic is worth over no click where a unit of budget is worth
    `reward_per_budget`, float [T].
    """
    users, videos = InterestEvolutionUsers(), UtilityVideos(num_topics)
    price = videos.video_length * (1 - users.user_update_alpha * videos.mean_quality().numpy())
    return videos.video_length - reward_per_budget * (price - users.step_penalty)


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    blank = [""] * len(_STEPS)
    rows = [["", *map(str, _STEPS)], ["worth", *blank]]
    for name, topics in _GROUPS.items():
        rows.append([f"  {name}", *[f"{worth()[topics].mean():.2f}"] * len(_STEPS)])
    for folder, groups in result["figures"].items():
        rows.append([folder, *blank])
        for name, values in groups.items():
            digits = 0 if name == "users left" else 2
            cells = (f"{values[str(step)]:.{digits}f}" for step in _STEPS)
            rows.append([f"  {name}", *cells])
    return f"Value of a click over no click, by step of the session\n{text_table(rows)}"


def main(argv: Sequence[str]) -> None:
    if len(argv) < 2:
        raise app.UsageError("RUN_FOLDER is missing: name the folder of at least one run")
    figures = {folder: click_values(Path(folder), _NUM_USERS[_FLAGS.quick]) for folder in argv[1:]}
    result = {"benchmark": "click_values", "quick": _FLAGS.quick, "figures": figures}
    command = ["python benchmarks/click_values.py RUN_FOLDER... --json=PATH"]
    commands.finish(command, result, table(result))


if __name__ == "__main__":
    commands.define_flags(quick="Few users.")
    app.run(main)
