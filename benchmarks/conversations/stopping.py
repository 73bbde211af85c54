"""When to stop asking, in world W4: W1, where each comparison of the best pair has a cost.

Users are asked 20 times, whatever the rule. A rule says after which question it would have stopped,
and earns the utility of the item recommended then less the cost of the questions. Half of the users
tune the rules, the other half test them.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from conversations import worlds
from conversations.common import Bar, Section, Settings

from recsim_tf.core import random
from recsim_tf.policies.elicitation import AskMost, CompareSet, Menu
from recsim_tf.tables import text_table

_COSTS = (0.02, 0.05, 0.1)
_NUM_QUESTIONS = 20
_NUM_USERS = {False: 2000, True: 20}
_THRESHOLDS = np.geomspace(0.5, 2.0, 61)  # times the cost
_NUM_PARTICLES = 96
# Of the learned rule: plain gradient ascent by Adam on three weights.
_NUM_UPDATES, _LEARNING_RATE = 600, 0.05


class Paths(NamedTuple):
    """What questions gave, [T + 1, U]: element n after n questions."""

    utility: np.ndarray  # of the item recommended then
    evoi: np.ndarray  # of the next question

    def of(self, users: slice) -> "Paths":
        return Paths(self.utility[:, users], self.evoi[:, users])


def measure(settings: Settings) -> Section:
    num_users = _NUM_USERS[settings.quick]
    simulator = worlds.world()
    belief = worlds.belief(simulator, _NUM_PARTICLES)
    menu = Menu(simulator, [CompareSet()])

    def information(view):
        return menu.information(view, menu.turns(view, random.as_seed(0)))[:, 0]

    policy = AskMost(simulator, [CompareSet()], belief=belief)
    found = worlds.course(simulator, policy, num_users, _NUM_QUESTIONS, settings.seed, information)
    paths = Paths(found.recommended, found.information)
    tune, test = paths.of(slice(None, num_users // 2)), paths.of(slice(num_users // 2, None))
    figures: dict[str, float] = {}
    rows = [("cost", "at once", "best fixed (n)", "EVOI rule (n)", "tuned (times cost)", "learned")]
    bars = []
    for cost in _COSTS:
        fixed = int(np.argmax([_earned(tune, cost, _fixed(tune, n)).mean() for n in _questions()]))
        tuned = _tuned(tune, cost)
        stops = {
            "at once": _fixed(test, 0),
            "fixed": _fixed(test, fixed),
            "rule": _rule(test, cost),
            "tuned": _rule(test, tuned * cost),
        }
        earned = {name: _earned(test, cost, stop) for name, stop in stops.items()}
        earned["learned"] = _learned(tune, test, cost, 10 if settings.quick else _NUM_UPDATES)
        of_fixed, of_fixed_se = worlds.mean_and_error(earned["rule"] - earned["fixed"])
        of_rule, of_rule_se = worlds.mean_and_error(earned["learned"] - earned["rule"])
        figures |= {
            f"stopping.threshold_over_cost.{cost}": float(tuned),
            f"stopping.rule_minus_best_fixed.{cost}": of_fixed,
            f"stopping.rule_minus_best_fixed_se.{cost}": of_fixed_se,
            f"stopping.learned_minus_rule.{cost}": of_rule,
            f"stopping.learned_minus_rule_se.{cost}": of_rule_se,
        }
        rows.append(
            (
                f"{cost:g}",
                f"{earned['at once'].mean():.3f}",
                f"{earned['fixed'].mean():.3f} ({fixed})",
                f"{earned['rule'].mean():.3f} ({stops['rule'].mean():.1f})",
                f"{earned['tuned'].mean():.3f} ({tuned:.2f})",
                f"{earned['learned'].mean():.3f}",
            )
        )
        bars += [
            Bar(f"stopping.threshold_over_cost.{cost}", tuned, 0.8, 1.25),
            Bar(f"stopping.rule_minus_best_fixed.{cost}", of_fixed, -0.01, np.inf),
            Bar(f"stopping.learned_minus_rule.{cost}", of_rule, -0.03, 0.03),
        ]
    lines = [
        f"Utility less costs, {num_users // 2} users to tune and as many to test (W4)",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
        "mean EVOI by turn: " + " ".join(f"{value:.3f}" for value in paths.evoi.mean(axis=1)),
    ]
    return Section(figures, {"evoi": paths.evoi.mean(axis=1).tolist()}, lines)


def _questions() -> range:
    return range(_NUM_QUESTIONS + 1)


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


def _learned(tune: Paths, test: Paths, cost: float, num_updates: int) -> np.ndarray:
    """[U]: the expectation of what a learned rule earns. It stops with the probability sigmoid(<w,
    (1, log EVOI / cost, n)>), and what it earns is differentiated in w.
    """

    def expected(weights, paths):
        turns = np.arange(_NUM_QUESTIONS + 1, dtype=np.float32)[:, np.newaxis]
        gain = np.log(np.maximum(paths.evoi, 1e-6) / cost).astype(np.float32)
        stops = tf.sigmoid(weights[0] + weights[1] * gain + weights[2] * turns / 10)
        stops = tf.concat([stops[:-1], tf.ones_like(stops[-1:])], axis=0)
        reached = tf.math.cumprod(1 - stops, axis=0, exclusive=True)
        return tf.reduce_sum(reached * stops * (paths.utility - cost * turns), axis=0)

    weights = tf.Variable([0.0, -1.0, 0.0])
    optimizer = tf.keras.optimizers.Adam(_LEARNING_RATE)

    @tf.function
    def update():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(expected(weights, tune))
        optimizer.apply_gradients([(tape.gradient(loss, weights), weights)])

    for _ in range(num_updates):
        update()
    return expected(weights, test).numpy()
