"""Open Bandit: what the random policy's log says of Bernoulli Thompson sampling (BTS).

The protocol is that of Saito et al. 2020, "Open Bandit Dataset and Pipeline" (arXiv 2008.07146):
for each of the campaigns all, men and women, 10,000 impressions of a random policy, with some 40
clicks, tell the click rate of BTS, which has a log of its own. BTS is that of obp with its
"ZOZOTOWN prior", the state that the sampler began the week with, as one distribution of items for
each of the three positions, by 100,000 draws. With so few clicks all that can be asked is that
estimates equal those of obp, that intervals hold the rate of the other log, and that the verdict is
"wide". No ranking of estimators may be read from them.

What DR subtracts is a ridge regression of clicks on position and item. Beside the estimates stands
a fitted model, the mean click probability of `PageClicks-v0` over the impressions of BTS's log: its
priors have scales that are estimated from the three random logs, see `page_fits.prior_scales`, and
its interval is of fits to resampled random logs.
"""

import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from fits import page_fits
from off_policy import obp
from sections import Section, Settings, section

from recsim_tf import ope
from recsim_tf.core.base.types import Observation
from recsim_tf.logs import read_open_bandit
from recsim_tf.logs.datasets.open_bandit import OpenBanditLog
from recsim_tf.policies import PlackettLucePolicy

_CAMPAIGNS = {False: ("all", "men", "women"), True: ("men",)}
# With one item a slate, cascade DR is DR whose mean over all items is exact.
_ESTIMATORS = {"ips": "ips", "snips": "snips", "dr": "cascade_dr"}
_NUM_POSITIONS, _NUM_DRAWS, _SEED = 3, 100_000, 12345
_REFITS, _ROUNDS = {False: 50, True: 1}, {False: 20, True: 1}
# Alpha and beta of each item's click rate, as obp 0.5.7 (Apache 2.0) has them in prior_bts.yaml.
_PRIOR = {
    "all": (
        "47 8 62 142 3 14 7 857 12 15 6 100 48 23 71 61 13 16 518 30 7 4 23 8 10 11 11 18 121 "
        "11 11 10 14 9 204 58 3 19 42 1013 2 328 15 31 14 138 45 55 23 38 10 401 52 6 3 6 5 "
        "32 35 133 52 820 43 195 8 42 40 4 32 30 9 22 6 23 5 54 8 22 65 246",
        "12198 3566 15993 35522 2367 4609 3171 181745 4372 4951 3100 24665 13210 7061 18061 "
        "17449 5644 6787 111326 8776 3334 2271 7389 2659 3665 4724 3561 5085 27407 4601 4756 "
        "4120 4736 3788 45292 14719 2189 5589 11995 222255 2308 70034 4801 8274 5421 31912 "
        "12213 13576 6230 10382 4141 85731 12811 2707 2250 2668 2886 9581 9465 28336 12062 "
        "162793 12107 41240 3162 11604 10818 2923 8897 8654 4000 6580 3174 6766 2602 14506 "
        "3968 7523 16532 51964",
    ),
    "men": (
        "47 8 62 142 3 6 100 48 23 71 61 13 16 518 30 7 4 23 8 10 11 11 18 121 11 4 32 30 9 "
        "22 6 23 5 54",
        "12198 3566 15993 35522 2367 3100 24665 13210 7061 18061 17449 5644 6787 111326 8776 "
        "3334 2271 7389 2659 3665 4724 3561 5085 27407 4601 2923 8897 8654 4000 6580 3174 "
        "6766 2602 14506",
    ),
    "women": (
        "12 7 984 13 15 15 11 14 9 200 72 3 14 49 1278 3 325 14 27 14 169 48 47 18 40 12 447 "
        "46 5 3 5 7 35 34 99 30 880 51 182 6 45 39 10 24 72 229",
        "3612 3173 204484 4517 4765 5331 4131 4728 4028 44280 17918 2309 4339 12922 270771 "
        "2480 68475 5129 7367 5819 38026 13047 11604 5394 10912 4439 94485 10700 2679 2319 "
        "2578 3288 9566 9775 20120 7317 172026 13673 37329 3365 10911 10734 4278 7574 16826 "
        "47462",
    ),
}
# What obp 0.5.7 gave for the logs of `make data`, with the same distribution and regression.
_OBP: dict[str, dict[str, float]] = {
    "all": {"ips": 0.00455288, "snips": 0.0047758330812309535, "dr": 0.004697911760003464},
    "men": {
        "ips": 0.0045335600000000085,
        "snips": 0.004604232164349611,
        "dr": 0.004689333513259171,
    },
    "women": {
        "ips": 0.0068134740000000025,
        "snips": 0.006810965194592502,
        "dr": 0.006851121835685155,
    },
}


class Campaign(NamedTuple):
    """A campaign's logs."""

    random: OpenBanditLog
    bts: OpenBanditLog


def measure(settings: Settings) -> Section:
    folder = os.path.join(settings.data_dir, "obd")
    if not os.path.isdir(folder):
        raise SystemExit(f"data_dir has no folder obd, got {settings.data_dir}: run `make data`")
    logs = {}
    for name in _CAMPAIGNS[settings.quick]:
        random = read_open_bandit(folder, name, "random")
        logs[name] = Campaign(random, read_open_bandit(folder, name, "bts", like=random))
    pages = [page_fits.pages(one.random) for one in logs.values()]
    scales = page_fits.prior_scales(pages, False, max_rounds=_ROUNDS[settings.quick])
    columns = ("IPS", "SNIPS", "DR", "page clicks", "BTS's own log", "random log")
    rows: list[tuple[str, ...]] = [("campaign", *columns)]
    figures: dict[str, float] = {}
    notes, details = [], {}
    for number, (name, one) in enumerate(logs.items()):
        probs = bts_probs(name, one.random.num_items)
        result, q = judged(one.random, probs)
        by_obp, line = _of_obp(settings, name, one.random, probs, q)
        model, interval = _page_clicks(one, scales, [settings.seed, number], settings.quick)
        logged = float(one.bts.clicked.mean())
        found = {short: result[preset] for short, preset in _ESTIMATORS.items()}
        figures |= {f"open_bandit.{name}.{short}": each.value for short, each in found.items()}
        figures |= {
            f"open_bandit.{name}.page_clicks": model,
            f"open_bandit.{name}.logged": logged,
            f"open_bandit.{name}.random": float(one.random.clicked.mean()),
        }
        error = (logged * (1 - logged) / len(one.bts.clicked)) ** 0.5
        cells = [_cell(each.value, each.interval) for each in found.values()]
        cells += [_cell(model, interval), f"{100 * logged:.3f} ± {100 * error:.3f}"]
        rows.append((name, *cells, _cell(result.logged.value, result.logged.interval)))
        details[name] = {
            "verdicts": {short: str(each.verdict) for short, each in found.items()},
            "intervals": {short: each.interval for short, each in found.items()},
            "standard_errors": {short: each.standard_error for short, each in found.items()},
            "page_clicks_interval": interval,
            "holds": {
                short: each.interval[0] <= logged <= each.interval[1]
                for short, each in found.items()
            },
            "obp": by_obp,
        }
        if by_obp:
            details[name]["difference"] = max(
                abs(found[short].value / by_obp[short] - 1) for short in _ESTIMATORS
            )
        notes += [line] if line else []
    number, every = len(logs), details.values()
    for short in _ESTIMATORS:
        figures[f"open_bandit.holds_{short}"] = sum(one["holds"][short] for one in every)
    figures["open_bandit.wide"] = sum(
        all(verdict.startswith("wide") for verdict in one["verdicts"].values()) for one in every
    )
    asked = (*(f"holds_{short}" for short in _ESTIMATORS), "wide")
    bars = {f"open_bandit.{name}": (number, number) for name in asked}
    if all(one["obp"] for one in every):
        figures["open_bandit.obp_difference"] = max(one["difference"] for one in every)
        bars["open_bandit.obp_difference"] = (0.0, 1e-6)
    title = "Open Bandit: click rate of BTS in %, from the random policy's log, with 95 % intervals"
    return section(settings, title, rows, figures, bars, notes, details)


def bts_probs(campaign: str, num_items: int) -> np.ndarray:
    """float64 [3, A]: the probability that obp's BTS shows an item at a position, by the same
    draws.
    """
    alpha, beta = (np.array(text.split(), float) for text in _PRIOR[campaign])
    if len(alpha) != num_items:  # A made-up log of a test.
        alpha, beta = alpha[:num_items], beta[:num_items]
    draws = np.random.RandomState(_SEED).beta(alpha, beta, [_NUM_DRAWS, len(alpha)])
    first = np.argsort(draws, axis=1)[:, : -_NUM_POSITIONS - 1 : -1]
    return np.stack([np.bincount(items, minlength=len(alpha)) for items in first.T]) / _NUM_DRAWS


def judged(random: OpenBanditLog, probs: np.ndarray) -> tuple[ope.Result, np.ndarray]:
    """Estimates of the policy of these probabilities [3, A], and what the regression says of all
    items, float64 [S, A].
    """
    log, num_items = random.log, random.num_items
    with np.errstate(divide="ignore"):
        logits = tf.constant(np.log(probs))

    def item_logits(observation: Observation):
        return tf.gather(logits, observation.user["position"])

    def features(observation: Observation, slate: tf.Tensor):
        position = tf.one_hot(observation.user["position"], _NUM_POSITIONS)
        return tf.concat([position, tf.one_hot(slate[:, 0], num_items)], axis=1)

    policy, q = PlackettLucePolicy.of_logits(item_logits, 1), ope.Regression(features)
    result = ope.evaluate(policy, log, tuple(_ESTIMATORS.values()), q=q)
    fitted, rows = q.fit(policy, log, 1.0, True), tf.range(log.num_sessions)
    first = tf.nest.map_structure(lambda leaf: tf.constant(leaf[:, 0]), log.observation)
    of_items = [
        fitted(first, tf.fill([log.num_sessions, 1], item), tf.constant(0), rows)
        for item in range(num_items)
    ]
    return result, tf.stack(of_items, axis=1).numpy().astype(np.float64)


def _of_obp(
    settings: Settings, name: str, random: OpenBanditLog, probs: np.ndarray, q: np.ndarray
) -> tuple[dict[str, float] | None, str]:
    """Estimates by obp, run or as they were, and a line about them."""
    if settings.peer is None:
        known = None if settings.quick else _OBP[name]
        return known, "" if known else "obp: skipped, no --obp-python"
    shape = [len(random.item), random.num_items, _NUM_POSITIONS]
    feedback = {
        "action": random.item,
        "position": random.position,
        "reward": random.clicked.astype(float),
        "pscore": random.propensity,
        "action_dist": np.broadcast_to(probs.T, shape),
        "estimated_rewards": np.broadcast_to(q[..., np.newaxis], shape),
    }
    if not settings.quick:
        feedback |= {"campaign": name, "seed": _SEED, "num_draws": _NUM_DRAWS}
    found, line = obp.values(settings.peer, feedback)
    if found and found.get("drawn"):
        line = f"{name}: obp draws another policy, by up to {found['drawn']:.1e}"
    return found, line


def _page_clicks(one: Campaign, scales, seed, quick: bool) -> tuple[float, list[float]]:
    """The click rate that `PageClicks-v0` predicts, and its 95 % interval."""
    generator = np.random.default_rng(seed)
    simulator, log = page_fits.pages(one.random)
    shown, number = page_fits.pages(one.bts).log, log.num_sessions

    def predicted(log):
        fitted = page_fits.fit_pages(simulator, log, scales, False).simulator
        return float(page_fits.click_probs(fitted, shown).mean())

    refits = [
        predicted(log.take(generator.integers(number, size=number))) for _ in range(_REFITS[quick])
    ]
    return predicted(log), np.quantile(refits, [0.025, 0.975]).tolist()


def _cell(value: float, interval: Any) -> str:
    """In %."""
    low, high = interval
    return f"{100 * value:.3f} ({100 * low:.3f} to {100 * high:.3f})"
