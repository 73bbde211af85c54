"""What questions are worth to rules, in worlds of `worlds.py`.

regret: of the item that a belief recommends, after some turns of each policy, in world W1.
anchors: questions about attributes with and without an anchor, in world W2: W1 with noisy choices
  and sharp answers. A question without an anchor tells on which side of zero a taste lies in one
  direction. Asked again it tells no more. An anchor moves the question to where the belief is
  uncertain (Biyik et al. 2023, arXiv 2311.02085).
slates: what users find on slates of three, turn by turn, in world W3: W1 with slates of three. The
  advantage of sets differs by catalogue, so users are of several.
stopping: when to stop asking, in world W4: W1, where each comparison of the best pair has a cost.
  Users are asked 20 times, whatever the rule. A rule says after which question it would have
  stopped, and earns the utility of the item recommended then less the cost of the questions. Half
  of the users tune the rules, the other half test them.
"""

import dataclasses
import itertools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from conversations import worlds
from sections import Section, Settings, mean_and_error, section

from recsim_tf.conversations.elicitation import (
    AskAttributes,
    AskMost,
    ComparePairs,
    CompareSet,
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.conversations.elicitation.turns import CandidateTurns
from recsim_tf.conversations.parts import Answers
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.support import plots

POLICIES = {
    "set": "compare the best set",
    "evoi": "EVOI: set, pairs, attributes",
    "information_gain": "pair by information gain",
    "random_pair": "random pair",
    "random_attribute": "random attribute",
    "recommend_only": "recommend the best two",
}
_REGRET_TURNS = (0, 1, 2, 4, 8)
_ANCHOR_TURNS = (0, 1, 2, 4, 8, 12)
_SLATES = {"set": "best set", "top_k": "top three", "thompson": "Thompson", "oracle": "oracle"}
_SLATE_TURNS = 10
_NUM_USERS = {False: 2000, True: 20}
_ANCHOR_USERS = {False: 750, True: 16}
_SLATE_USERS = {False: 256, True: 16}  # of a catalogue
_NUM_CATALOGUES = {False: 3, True: 1}
_COSTS = (0.02, 0.05, 0.1)
_NUM_QUESTIONS = 20
_THRESHOLDS = np.geomspace(0.5, 2.0, 61)  # times the cost
_STOPPING_PARTICLES = 96


def regret(settings: Settings) -> Section:
    simulator = worlds.world()
    belief = worlds.belief(simulator)
    attributes = AskAttributes(worlds.NUM_ATTRIBUTES, anchored=False)
    policies = {
        "set": AskMost(simulator, [CompareSet()], belief=belief),
        "evoi": AskMost(simulator, [CompareSet(), ComparePairs(15), attributes], belief=belief),
        "information_gain": AskMost(
            simulator, [ComparePairs(49)], "information_gain", belief=belief
        ),
        "random_pair": AskMost(simulator, [ComparePairs(1)], "random", belief=belief),
        "random_attribute": AskMost(simulator, [attributes], "random", belief=belief),
        "recommend_only": RecommendBest(simulator, belief=belief),
    }
    figures: dict[str, float] = {}
    curves, num_users = {}, _NUM_USERS[settings.quick]
    rows = [("policy", *map(str, _REGRET_TURNS), "±")]
    for name, policy in policies.items():
        found = worlds.course(simulator, policy, num_users, max(_REGRET_TURNS), settings.seed)
        means, errors = zip(*map(mean_and_error, found.regret), strict=True)
        curves[name] = {"mean": list(means), "se": list(errors)}
        figures |= {f"regret_8.{name}": means[8], f"regret_8.{name}_se": errors[8]}
        by_turn = (f"{means[turn]:.3f}" for turn in _REGRET_TURNS)
        rows.append((POLICIES[name], *by_turn, f"{errors[8]:.3f}"))
    ordered = ("set", "information_gain", "random_pair", "random_attribute")
    at_8 = [figures[f"regret_8.{name}"] for name in ordered]
    rising = all(one < other for one, other in itertools.pairwise(at_8))
    bars = {
        "regret_8.set": (0, 0.36),
        "regret_8.evoi": (0, figures["regret_8.set"] + 0.05),
        "regret_8.recommend_only": (0.52, 0.70),
    }
    notes = [f"order set < information gain < random pair < random attribute: {rising}"]
    title = f"Regret after turns, {num_users} users (W1)"
    return section(settings, title, rows, figures, bars, notes, {"curves": curves})


def draw(details: dict[str, Any], path: str) -> None:
    """Writes a PNG: regret by turns, for each policy."""
    with plots.figure(path, (8.0, 4.6)) as axes:
        for name, label in POLICIES.items():
            curve = details["curves"][name]
            turns = range(len(curve["mean"]))
            axes.errorbar(
                turns, curve["mean"], curve["se"], marker="o", markersize=4, capsize=2, label=label
            )
        axes.set(
            xlabel="turns", ylabel="regret of the recommended item, in utility", ylim=(0, None)
        )
        axes.set_title("What turns tell about a taste: 100 items, 10 factors")
        axes.legend()


def anchors(settings: Settings) -> Section:
    num_users, last = _ANCHOR_USERS[settings.quick], max(_ANCHOR_TURNS)
    simulator = worlds.world(choice_sharpness=1.5, answers=Answers(20.0, dont_know=worlds.NEVER))
    belief = worlds.belief(simulator)
    regrets = {}
    rows = [("questions", *map(str, _ANCHOR_TURNS), "±")]
    figures: dict[str, float] = {}
    for name in ("anchored", "unanchored"):
        kind = AskAttributes(worlds.NUM_ATTRIBUTES, anchored=name == "anchored")
        policy = AskMost(simulator, [kind], belief=belief)
        found = worlds.course(simulator, policy, num_users, last, settings.seed).regret
        regrets[name] = found[last]
        mean, error = mean_and_error(found[last])
        figures |= {f"anchors.{name}": mean, f"anchors.{name}_se": error}
        rows.append(
            (name, *(f"{found[turn].mean():.3f}" for turn in _ANCHOR_TURNS), f"{error:.3f}")
        )
    one, other = regrets["anchored"], regrets["unanchored"]
    ratio = one.mean() / other.mean()
    # Of a ratio of means of the same users, by the delta method.
    error = np.std(one - ratio * other, ddof=1) / np.sqrt(num_users) / other.mean()
    figures |= {"anchors.ratio": float(ratio), "anchors.ratio_se": float(error)}
    title = f"Regret after questions about attributes, {num_users} users (W2)"
    notes = [f"ratio {ratio:.3f} ± {error:.3f}"]
    return section(settings, title, rows, figures, {"anchors.ratio": (0, 0.85)}, notes)


def slates(settings: Settings) -> Section:
    num_users = _SLATE_USERS[settings.quick]
    catalogues = [
        _rewards(number, num_users, settings.seed)
        for number in range(_NUM_CATALOGUES[settings.quick])
    ]
    figures: dict[str, float] = {}
    rows = [("policy", *map(str, range(1, _SLATE_TURNS + 1)), "sum", "±")]
    for name, label in _SLATES.items():
        reward = np.concatenate([found[name] for found in catalogues], axis=1)
        mean, error = mean_and_error(reward.sum(axis=0))
        figures |= {f"slates_10.{name}": mean, f"slates_10.{name}_se": error}
        by_turn = (f"{turn:.2f}" for turn in reward.mean(axis=1))
        rows.append((label, *by_turn, f"{mean:.2f}", f"{error:.2f}"))
    top_k = figures["slates_10.top_k"]
    bars = {
        "slates_10.set": (max(18.5, top_k + 2.0), np.inf),
        "slates_10.thompson": (top_k - 1, top_k + 1),
    }
    advantages = [float((found["set"] - found["top_k"]).sum(axis=0).mean()) for found in catalogues]
    by_catalogue = ", ".join(f"{each:.2f}" for each in advantages)
    notes = [f"set less top three, by catalogue: {by_catalogue}"]
    title = (
        f"Utility of the user's choice by turn, {num_users} users of each of {len(catalogues)}"
        " catalogues (W3)"
    )
    return section(settings, title, rows, figures, bars, notes, {"set_less_top_k": advantages})


def _rewards(catalogue: int, num_users: int, seed: int) -> dict[str, np.ndarray]:
    """The rewards [T, U] of users of a catalogue, by policy."""
    simulator = worlds.world(slate_size=3, catalogue=catalogue)
    belief = worlds.belief(simulator)
    policies = {
        "set": RecommendSet(simulator, belief=belief),
        "top_k": RecommendBest(simulator, belief=belief),
        "thompson": ThompsonSampling(simulator, belief=belief),
    }
    rewards = {
        name: worlds.course(simulator, policy, num_users, _SLATE_TURNS, seed).reward
        for name, policy in policies.items()
    }
    return rewards | {"oracle": _oracle(simulator, num_users, seed)}


def _oracle(simulator: Simulator, num_users: int, seed: int) -> np.ndarray:
    """The reward [T, U] of slates of the best three."""
    users = dataclasses.replace(simulator.users, is_taste_observed=True)
    simulator = dataclasses.replace(simulator, users=users)
    policy = RecommendKnown(simulator)
    rollout = compiled(lambda seed: simulator.rollout(policy, num_users, _SLATE_TURNS, seed))
    return rollout(tf.constant([seed, 1])).transitions.reward.numpy()


class Paths(NamedTuple):
    """What questions gave, [T + 1, U]: element n after n questions."""

    utility: np.ndarray  # of the item recommended then
    evoi: np.ndarray  # of the next question

    def of(self, users: slice) -> "Paths":
        return Paths(self.utility[:, users], self.evoi[:, users])


def stopping(settings: Settings) -> Section:
    num_users = _NUM_USERS[settings.quick]
    simulator = worlds.world()
    belief = worlds.belief(simulator, _STOPPING_PARTICLES)
    turns = CandidateTurns(simulator, [CompareSet()])

    def information(believed):
        return turns.information(believed, turns.turns(believed, random.as_seed(0)))[:, 0]

    policy = AskMost(simulator, [CompareSet()], belief=belief)
    found = worlds.course(simulator, policy, num_users, _NUM_QUESTIONS, settings.seed, information)
    paths = Paths(found.recommended, found.information)
    tune, test = paths.of(slice(None, num_users // 2)), paths.of(slice(num_users // 2, None))
    figures: dict[str, float] = {}
    rows = [("cost", "at once", "best fixed (n)", "EVOI rule (n)", "tuned (times cost)")]
    bars = {}
    for cost in _COSTS:
        numbers = range(_NUM_QUESTIONS + 1)
        fixed = int(np.argmax([_earned(tune, cost, _fixed(tune, n)).mean() for n in numbers]))
        tuned = _tuned(tune, cost)
        stops = {
            "at once": _fixed(test, 0),
            "fixed": _fixed(test, fixed),
            "rule": _rule(test, cost),
            "tuned": _rule(test, tuned * cost),
        }
        earned = {name: _earned(test, cost, stop) for name, stop in stops.items()}
        of_fixed, of_fixed_se = mean_and_error(earned["rule"] - earned["fixed"])
        figures |= {
            f"stopping.threshold_over_cost.{cost}": float(tuned),
            f"stopping.rule_minus_best_fixed.{cost}": of_fixed,
            f"stopping.rule_minus_best_fixed_se.{cost}": of_fixed_se,
        }
        mean = {name: f"{each.mean():.3f}" for name, each in earned.items()}
        rows.append(
            (
                f"{cost:g}",
                mean["at once"],
                f"{mean['fixed']} ({fixed})",
                f"{mean['rule']} ({stops['rule'].mean():.1f})",
                f"{mean['tuned']} ({tuned:.2f})",
            )
        )
        bars |= {
            f"stopping.threshold_over_cost.{cost}": (0.8, 1.25),
            f"stopping.rule_minus_best_fixed.{cost}": (-0.01, np.inf),
        }
    title = f"Utility less costs, {num_users // 2} users to tune and as many to test (W4)"
    by_turn = paths.evoi.mean(axis=1).tolist()
    notes = ["mean EVOI by turn: " + " ".join(f"{value:.3f}" for value in by_turn)]
    return section(settings, title, rows, figures, bars, notes, {"evoi": by_turn})


def _fixed(paths: Paths, number: int) -> np.ndarray:
    """After how many questions the rule of a number of questions stops, [U]."""
    return np.full(paths.utility.shape[1], number)


def _rule(paths: Paths, threshold: float) -> np.ndarray:
    """After how many questions the next one is worth less than a threshold, [U]."""
    stops = paths.evoi < threshold
    stops[-1] = True
    return np.argmax(stops, axis=0)


def _tuned(paths: Paths, cost: float) -> float:
    """The best threshold, times the cost: where a parabola in its logarithm, fitted to what the
    thresholds earn, is highest. What they earn is flat there, and its maximum is noise.
    """
    earned = [_earned(paths, cost, _rule(paths, one * cost)).mean() for one in _THRESHOLDS]
    curvature, slope, _ = np.polyfit(np.log(_THRESHOLDS), earned, 2)
    if curvature >= 0:
        return float(_THRESHOLDS[np.argmax(earned)])
    best = np.exp(-slope / (2 * curvature))
    return float(np.clip(best, _THRESHOLDS[0], _THRESHOLDS[-1]))


def _earned(paths: Paths, cost: float, stop: np.ndarray) -> np.ndarray:
    """[U]: utility less costs."""
    return paths.utility[stop, np.arange(len(stop))] - cost * stop
