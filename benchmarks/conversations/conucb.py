"""Conversational bandits in their synthetic world: regret with and without questions.

Users of `KeyTerms-v0` meet each policy for 400 rounds. The regret of a round is the largest
probability of a like among its arms, less that of the arm shown; rounds of questions have none.
A world is a catalogue and 200 users, as in the source. Each policy meets the same worlds.

The reference is one world of 200 users of the authors' generator: Random 34.5, LinUCB 28.6, ConUCB
28.2. Users differ much in how much arms matter to them. So a mean over 200 users has a standard
error of about one, which counts for the reference as for any world here; that error is `_se`, and
the bars are three of it to either side. The mean over all worlds is known better, `_mean_se`. Best
compared is the share of Random's regret, since the regret of a world goes up and down with its
users: 0.829 and 0.817 in the reference.
"""

import math

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section

from recsim_tf.agents.bandits.conversational import (
    ConLinUCB,
    ConUCB,
    LinUCB,
    random_arms,
)
from recsim_tf.conversations.key_terms import KeyTermDocuments, KeyTermUsers, key_terms
from recsim_tf.core import random
from recsim_tf.core.base.types import Policy
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator

_POLICIES = {"random": random_arms, "linucb": LinUCB, "conucb": ConUCB, "conlinucb": ConLinUCB}
_NAMES = {"random": "Random", "linucb": "LinUCB", "conucb": "ConUCB", "conlinucb": "ConLinUCB"}
_REFERENCE = {"random": 34.5, "linucb": 28.6, "conucb": 28.2}
_SIZES = {
    False: {"worlds": 10, "users": 200, "rounds": 400},
    True: {"worlds": 2, "users": 8, "rounds": 10},
}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    # A short run is over before XLA has compiled it.
    regrets = _regrets(settings.seed, not settings.quick, **size)
    figures: dict[str, float] = {}
    rows = [("policy", "regret", "± of a world", "± of the mean", "of Random's", "to LinUCB")]
    for name, regret in regrets.items():
        mean, share = regret.mean(), regret.mean() / regrets["random"].mean()
        of_a_world, of_the_mean = _error_of_a_world(regret), _error_of_the_mean(regret)
        figures |= {
            f"conucb.{name}": float(mean),
            f"conucb.{name}_se": of_a_world,
            f"conucb.{name}_mean_se": of_the_mean,
            f"conucb.{name}_of_random": float(share),
        }
        difference = regret - regrets["linucb"]
        compared = f"{difference.mean():+.2f} ± {_error_of_the_mean(difference):.2f}"
        rows.append(
            (
                _NAMES[name],
                f"{mean:.2f}",
                f"{of_a_world:.2f}",
                f"{of_the_mean:.2f}",
                f"{share:.3f}",
                "" if name == "linucb" else compared,
            )
        )
    bars = {}
    for name in ("linucb", "conucb"):
        error = 3 * figures[f"conucb.{name}_se"]
        bars[f"conucb.{name}"] = _REFERENCE[name] - error, _REFERENCE[name] + error
    title = (
        f"Cumulative regret after {size['rounds']} rounds, mean over {size['worlds']} worlds of"
        f" {size['users']} users"
    )
    worlds = {name: regret.mean(axis=1).tolist() for name, regret in regrets.items()}
    details = {**size, "reference": _REFERENCE, "regret_by_world": worlds}
    return section(settings, title, rows, figures, bars, details=details)


def _regrets(seed: int, xla: bool, worlds: int, users: int, rounds: int) -> dict[str, np.ndarray]:
    """The regret of each user after all rounds, [worlds, users] by policy."""
    features = tf.Variable(KeyTermDocuments(seed=seed).features)
    simulator = key_terms(
        KeyTermUsers(num_rounds=rounds), KeyTermDocuments(features=features), max_steps=2 * rounds
    )
    functions = {
        name: compiled(_regret_of(make(simulator), simulator, users, rounds), jit_compile=xla)
        for name, make in _POLICIES.items()
    }
    found: dict[str, list[np.ndarray]] = {name: [] for name in functions}
    for world in range(seed, seed + worlds):
        features.assign(KeyTermDocuments(seed=world).features)
        for name, function in functions.items():
            regret, is_over = function(random.as_seed(world))
            if not tf.reduce_all(is_over):
                raise RuntimeError(f"{name} asked too much: rounds were left after all steps")
            found[name].append(regret.numpy())
    return {name: np.stack(of_worlds) for name, of_worlds in found.items()}


def _regret_of(policy: Policy, simulator: Simulator, num_users: int, num_rounds: int):
    """A function from a seed to the regret of users [B], and to whether their rounds are over."""
    documents, users = simulator.documents, simulator.users
    num_arms, _ = documents.split(simulator.num_candidates)

    def first(state):
        nothing = tf.zeros([num_users])
        return state.user, state.candidates, nothing, nothing > 0

    def add(carry, transition):
        user, candidates, regret, is_over = carry
        arms = documents.show(documents.describe(candidates[:, :num_arms], ()), ())
        best = tf.reduce_max(users.scores(user, arms), axis=-1)
        shown = users.scores(user, transition.response)[:, 0]
        counts = transition.active & (transition.response.asked[:, 0] == 0)
        return (
            user,
            transition.draws.candidates,
            regret + tf.where(counts, best - shown, 0.0),
            is_over | transition.terminated,
        )

    def run(seed):
        num_steps = 2 * num_rounds
        return simulator.fold(policy, num_users, num_steps, seed, add, first)[2:]

    return run


def _error_of_a_world(regret: np.ndarray) -> float:
    """The standard error of a mean over the users of one world, from [worlds, users]."""
    return math.sqrt(float(regret.var(axis=1, ddof=1).mean()) / regret.shape[1])


def _error_of_the_mean(regret: np.ndarray) -> float:
    """The standard error of the mean over all worlds, from how much worlds differ."""
    return float(regret.mean(axis=1).std(ddof=1) / math.sqrt(len(regret)))
