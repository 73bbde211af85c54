# SPDX-License-Identifier: Apache-2.0
"""Compares evaluations on two logical devices with the same parts on one device; prints figures as
JSON.
"""

import contextlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.environments.ecosystem import provider_layout
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.policies import Boosting, ClusterBandit
from recsim_tf.training import Training
from recsim_tf.training.devices import connect
from tests.experiment.tiny_runs import TINY

_VALUES = {"policy.optimism_scaling": (0.3, 2.0)}
_COMPARED = (
    "simulate.simulator = @interest_exploration()",
    "simulate.policies = (@ClusterBandit,)",
    f"Evaluation.compare = {_VALUES}",
    "Evaluation.seeds = (1, 2)",
    "Evaluation.num_users = 6",
    "Evaluation.max_steps = 12",
    "Evaluation.num_replicas = 2",
)


def main() -> None:
    devices = connect("mirrored", logical_cpus=2)
    found = {
        "agent": _agent(devices.strategy),
        "command": _command(),
        "worlds": _worlds(devices.strategy),
    }
    print(json.dumps(found))


def _agent(strategy: tf.distribute.Strategy) -> dict:
    """Of a training's agent and baselines, by both ways, and the error of another number."""
    config.load([TINY], [])
    parts = Training()
    segments = {"half": lambda user: tf.range(4) // 2}
    evaluation = Evaluation(8, 15, segments=segments, num_replicas=2)
    policies = parts.policies(parts.simulator)
    alone = evaluation.evaluate(parts.simulator, policies)
    with strategy.scope():
        several = evaluation.evaluate(parts.simulator, policies)
        try:
            Evaluation(8, 15).evaluate(parts.simulator, policies)
        except ValueError as error:
            refused = str(error)
    return {
        "names": [result.name for result in several],
        "returns": [result["return"].value for result in several],
        "difference": max(
            _difference(one.sessions, other.sessions)
            for one, other in zip(alone, several, strict=True)
        ),
        "refused": refused,
    }


def _command() -> dict:
    """Of a comparison by `recsim-tf simulate`, which finds the devices, and of one without them."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        content = building.simulate(RunDirectory(Path(folder) / "run", config.load([], _COMPARED)))
    evaluation = Evaluation(6, 12, compare=_VALUES, seeds=(1, 2), num_replicas=2)
    in_turn = evaluation.results(
        recsim_tf.interest_exploration(),
        lambda simulator: {"bandit": ClusterBandit(simulator)},
    )
    return {
        "returns": [policy["mean_return"] for policy in content["policies"]],
        "in_turn": [result["return"].value for result in in_turn],
    }


def _worlds(strategy: tf.distribute.Strategy) -> float:
    """The difference between worlds on two devices and on one."""
    simulator = recsim_tf.make(
        "Ecosystem-v0", means=provider_layout(0, num_clusters=3), users_per_world=10, max_steps=5
    )
    evaluation, policies = Evaluation(40, num_replicas=2), {"boosting": Boosting(simulator)}
    (alone,) = evaluation.evaluate(simulator, policies)
    with strategy.scope():
        (several,) = evaluation.evaluate(simulator, policies)
    return _difference(alone.sessions, several.sessions)


def _difference(one, other) -> float:
    leaves = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in leaves if a.size)


if __name__ == "__main__":
    main()
