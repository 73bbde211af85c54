"""A boost for providers who get few clicks: what it costs and brings the users of the ecosystem.

Providers live by clicks, and users by providers. So a policy that shows users what is close to them
now starves providers whom it would need later. RecSim NG 0.1.2's demonstration has 80 providers in
40 clusters, 400 documents in each step, worlds of 2,000 users and 299 utilities. Here are six
layouts of its providers, two worlds of each, and five caps of the boost side by side in one graph,
with the same noise. Only differences of a world between caps mean anything: utility differs by 100
between layouts. A cap is also learned, by search, in worlds of six other layouts.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, mean_and_error, section, standard_error

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.ecosystem import ecosystem, provider_layout
from recsim_tf.policies import Boosting
from recsim_tf.support import plots

CAPS = (0.0, 0.6, 1.2, 2.4, 4.8)
_ALIVE = 1.0  # discounted clicks


class _Size(NamedTuple):
    num_layouts: int
    num_worlds: int  # of each layout and cap
    users_per_world: int
    num_steps: int


_SIZES = {False: _Size(6, 2, 2000, 299), True: _Size(2, 2, 20, 6)}


class Run(NamedTuple):
    """What happened in worlds; in `Run`s of all caps an axis of caps comes first."""

    by_step: np.ndarray  # [W, T], mean utility of the users
    alive: np.ndarray  # [W, T], providers whose discounted clicks are above 1
    by_user: np.ndarray  # [W, U], utility of all steps


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    run = compiled(lambda means, seed: _run(means, seed, size), jit_compile=not settings.quick)
    worlds = _worlds(run, range(size.num_layouts), size, settings.seed)
    others = range(size.num_layouts, 2 * size.num_layouts)
    return _section(settings, worlds, _worlds(run, others, size, settings.seed))


def _worlds(run, layouts, size: _Size, seed: int) -> Run:
    """All caps in the worlds of some layouts."""
    runs = []
    for layout in layouts:
        seed_of_layout = random.as_seed(100 * seed + layout)
        found = run(tf.constant(provider_layout(layout)), seed_of_layout)
        runs.append([_by_cap(leaf.numpy(), size) for leaf in found])
    return Run(*(np.concatenate(parts, axis=1) for parts in zip(*runs, strict=True)))


def _by_cap(leaf: np.ndarray, size: _Size) -> np.ndarray:
    """[caps, worlds, ...] of [caps * worlds, ...]."""
    return leaf.reshape(len(CAPS), size.num_worlds, *leaf.shape[1:])


def _run(means: tf.Tensor, seed: tf.Tensor, size: _Size) -> Run:
    """All caps in the worlds of one layout."""
    num_worlds = len(CAPS) * size.num_worlds
    num_users = num_worlds * size.users_per_world
    simulator = ecosystem(means=means, users_per_world=size.users_per_world, max_steps=None)
    caps = tf.repeat(tf.constant(CAPS), num_users // len(CAPS))

    def add(carry, transition):
        step, by_step, alive, by_user, attention = carry
        response = transition.response
        made_by = (
            tf.one_hot(response.cluster_id, means.shape[0]) * response.clicked[..., tf.newaxis]
        )
        clicks = tf.reduce_sum(tf.reshape(made_by, [num_worlds, -1, means.shape[0]]), axis=1)
        attention = simulator.documents.discount * attention + clicks
        utility = tf.reshape(transition.reward, [num_worlds, -1])
        num_alive = tf.reduce_sum(tf.cast(attention > _ALIVE, tf.float32), axis=1)
        return (
            step + 1,
            by_step.write(step, tf.reduce_mean(utility, axis=1)),
            alive.write(step, num_alive),
            by_user + utility,
            attention,
        )

    def arrays():
        return tf.TensorArray(tf.float32, size.num_steps, element_shape=[num_worlds])

    first = (
        0,
        arrays(),
        arrays(),
        tf.zeros([num_worlds, size.users_per_world]),
        tf.zeros([num_worlds, means.shape[0]]),
    )
    with random.paired(len(CAPS)):
        _, by_step, alive, by_user, _ = simulator.fold(
            Boosting(simulator, cap=caps), num_users, size.num_steps, seed, add, first
        )
    return Run(tf.transpose(by_step.stack()), tf.transpose(alive.stack()), by_user)


def _section(settings: Settings, worlds: Run, others: Run) -> Section:
    """The report.

    Args:
      settings: of the section.
      worlds: all caps in the worlds that are reported.
      others: the same in worlds of other layouts, in which a cap is chosen.
    """
    by_step, alive, by_user = worlds
    num_users = by_user.shape[2]
    worst = np.sort(by_user, axis=2)[:, :, : max(num_users // 10, 1)].mean(axis=2)
    gains = by_user.mean(axis=2)
    gains = gains - gains[0]
    best, low, high = (CAPS.index(cap) for cap in (_learned(others), 1.2, 4.8))
    boost = by_step[low] - by_step[0]
    early, late = boost[:, :50].sum(axis=1), boost[:, -200:].sum(axis=1)
    num_alive = alive[:, :, -1].mean(axis=1)
    figures = {
        "boost_1_2": float(gains[low].mean()),
        "boost_1_2_se": standard_error(gains[low]),
        "boost_4_8": float(gains[high].mean()),
        "boost_4_8_se": standard_error(gains[high]),
        "early_gain": float(early.mean()),
        "late_gain": float(late.mean()),
        "providers_alive": float(num_alive[low]),
        "worst_decile_gain": float((worst[low] - worst[0]).mean()),
        "learned_cap": CAPS[best],
        "learned_gain": float(gains[best].mean()),
        "learned_gain_se": standard_error(gains[best]),
    }
    rows = [("cap", "utility of a user", "less that of cap 0", "worst tenth", "providers alive")]
    for index, cap in enumerate(CAPS):
        difference = f"{gains[index].mean():+.1f} ± {standard_error(gains[index]):.1f}"
        rows.append(
            (
                f"{cap}",
                f"{by_user[index].mean():.1f}",
                difference if index else "",
                f"{worst[index].mean():.1f}",
                f"{num_alive[index]:.1f}",
            )
        )
    bars = {
        "boost_1_2": (max(8.0, 2 * figures["boost_1_2_se"]), 30.0),
        "boost_4_8": (-140.0, -95.0),
        "early_gain": (-1.0, 1.0),
        "late_gain": (10.0, np.inf),
        "providers_alive": (45.0, np.inf),
        "worst_decile_gain": (100.0, np.inf),
    }
    title = (
        f"Ecosystem-v0: {by_user.shape[1]} worlds of {num_users} users, {by_step.shape[2]} steps"
    )
    shown = ["{:+.2f} ± {:.2f}".format(*mean_and_error(each)) for each in (early, late)]
    learned = "{:+.1f} ± {:.1f}".format(*mean_and_error(gains[best]))
    notes = [
        f"cap 1.2 gains {shown[0]} in the first 50 steps, {shown[1]} in the last 200",
        f"The cap that was best in worlds of other layouts, {CAPS[best]}, gains {learned} here",
    ]
    gained = np.cumsum(by_step - by_step[0], axis=2)
    spread = np.std(gained, axis=1, ddof=1) / by_step.shape[1] ** 0.5
    details = {
        "caps": CAPS,
        "utility_by_world": by_user.mean(axis=2).round(2).tolist(),
        "worst_decile_by_world": worst.round(2).tolist(),
        "gained_by_step": gained.mean(axis=1).round(4).tolist(),
        "gained_by_step_se": spread.round(4).tolist(),
        "alive_by_step": alive.mean(axis=1).round(2).tolist(),
        "utility_of_other_layouts": others.by_user.mean(axis=2).round(2).tolist(),
    }
    return section(settings, title, rows, figures, bars, notes, details)


def draw(details: dict[str, Any], path: str) -> None:
    """Writes a PNG: what a boost gains over time, and how many providers are alive."""
    with plots.figures(path, (10.0, 4.4), 1, 2) as (gains, alive):
        for index, cap in enumerate(details["caps"]):
            label, color = f"cap {cap}" if cap else "myopic", f"C{index}"
            if cap:
                gained, error = (
                    np.array(details[name][index])
                    for name in ("gained_by_step", "gained_by_step_se")
                )
                gains.plot(gained, label=label, color=color)
                gains.fill_between(
                    range(len(gained)), gained - error, gained + error, alpha=0.2, color=color
                )
            alive.plot(details["alive_by_step"][index], label=label, color=color)
        gains.axhline(0, color="black", linewidth=0.8)
        gains.set(xlabel="steps", ylabel="utility gained so far, per user", ylim=(-60, 30))
        gains.set_title("What a boost of few-clicked providers gains")
        alive.set(xlabel="steps", ylabel="providers alive", ylim=(0, 80))
        alive.set_title("Providers with attention, of 80")
        gains.legend()
        alive.legend()


def _learned(worlds: Run) -> float:
    """The cap with the largest mean utility."""
    return CAPS[int(worlds.by_user.mean(axis=(1, 2)).argmax())]
