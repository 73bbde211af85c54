# SPDX-License-Identifier: Apache-2.0
"""Logs that are written as data sets of Minari and RLDS, and read back by these libraries."""

import os
import sys
import tempfile
from typing import Any
from unittest import mock

import numpy as np
from judging.verdicts import Settings, Verdict, judge, together

import recsim_tf
from recsim_tf import logs
from recsim_tf.policies import random_policy


@judge("Minari", "minari")
def _by_minari(settings: Settings) -> Verdict:
    log = _log(settings)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MINARI_DATASETS_PATH"] = folder
        import minari

        logs.to_minari(log, "judges/clicks-v0", description="A log of clicks.")
        episodes = list(minari.load_dataset("judges/clicks-v0").iterate_episodes())
    read = [(episode.actions, episode.rewards, episode.terminations[-1]) for episode in episodes]
    return _compared(log, read, "minari")


@judge("RLDS", "rlds")
def _by_rlds(settings: Settings) -> Verdict:
    # RLDS imports Reverb for its patterns, and Reverb has no package for the Pythons of today.
    with mock.patch.dict(sys.modules, reverb=mock.MagicMock()):
        import rlds

    log, read = _log(settings), []
    for episode in logs.to_rlds(log):
        steps = episode[rlds.STEPS]
        last = rlds.transformations.final_step(steps)
        # The last step has the observation after the last action alone.
        number = int(rlds.transformations.episode_length(steps)) - 1
        played = list(steps.take(number).as_numpy_iterator())
        actions, rewards = (
            [step[field] for step in played] for field in (rlds.ACTION, rlds.REWARD)
        )
        read.append((actions, rewards, last[rlds.IS_TERMINAL]))
    return _compared(log, read, "rlds")


read_back = together(_by_minari, _by_rlds)


def _log(settings: Settings) -> Any:
    simulator = recsim_tf.make("InterestEvolution-v1", num_candidates=10)
    policy, num_users = random_policy(simulator), 3 if settings.quick else 20
    return logs.from_trajectory(simulator.rollout(policy, num_users, 100, seed=0), simulator)


def _compared(log: Any, read: list[tuple], name: str) -> Verdict:
    """The verdict on episodes of actions, rewards and whether the user left."""
    faults = [] if len(read) == log.num_sessions else [f"{len(read)} episodes were read"]
    for session, (actions, rewards, departed) in enumerate(read):
        length = int(log.length[session])
        written = log.slate[session, :length], log.reward[session, :length].sum(-1)
        same = len(actions) == length and np.array_equal(actions, written[0])
        if not same or not np.allclose(rewards, written[1]) or departed != log.departed[session]:
            faults.append(f"episode {session} differs from the log")
    said = f"{log.num_sessions} sessions of {int(log.length.sum()):,} steps come back as written"
    return Verdict(said, {f"judges.{name}": log.num_sessions - len(faults)}, faults)
