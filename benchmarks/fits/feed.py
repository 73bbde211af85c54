# SPDX-License-Identifier: Apache-2.0
"""Feed: what a world fitted to KuaiRand knows of later days, and of other users.

Models of `recsim_tf.worlds.feed` are fitted to impressions up to a day: the whole model; its static
self, whose users never change; and one without users. The spread of the effects of videos is fitted
after a first fit; then it is that of the prior of all fits. `hierarchical_normal` fits it too, but
by stochastic gradients, which here end at 0.14 to 0.61 by their rate and number, for 0.48.

Models are scored on later impressions of the same users, and on users who are kept apart. Each
impression is predicted given all that came before it. Guesses without a model see the same.

In the shuffled log the contents of each user's steps, which are video, tab and click, are permuted
over their times, in training and in later days apart. What the dynamics add there is not order.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sections import Section, Settings, section

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Classes, Parameter, fit, save_model
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.predictions.choices import mean_by_session, predict_choices
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses, nats
from recsim_tf.logs import Log, read_kuairand
from recsim_tf.logs.log import repeat_last_step, take_steps
from recsim_tf.support.means import Mean
from recsim_tf.worlds.feed import Videos, feed_parameters
from recsim_tf.worlds.feed import feed as feed_of

_HELD_OUT, _LATER_DAYS, _DAY = 0.2, 2, 24 * 3.6e6
# Values at which users do not change, and at which there are none.
STATIC = {"users.change": np.zeros(4)}
_NOBODY = {**STATIC, "users.appetite": 0.0, "users.share": 0.0}
_ITERATIONS = {False: 100, True: 1}
_SPREADS, _NODES, _LEAST = (0.3, 1.5), 60, 1e-6  # bounds, the first also of a first fit
_BARS = {
    "feed.later_days": (0.0, 0.5845),
    "feed.other_users": (0.0, 0.583),
    "feed.boosting": (-np.inf, 0.004),
    "feed.gain_user": (0.035, np.inf),
    "feed.gain_order": (0.0005, np.inf),
    "feed.gain_order_z": (3.0, np.inf),
}


class Data(NamedTuple):
    """The logs of a fit. Rows of `train` and `later` are users, which differ."""

    whole: Log  # from which `train` is taken
    train: Log
    later: Log  # from the first impression of each user on
    is_later: np.ndarray  # bool [S, T], the impressions of `later` that are scored
    others: Log


def read(settings: Settings) -> Data:
    """Reads KuaiRand. Where no other files are to be scored, a fifth of the users and the last two
    days are kept apart.
    """
    folder, tests = Path(settings.path or "data"), [Path(each) for each in settings.test]
    if len(tests) not in (0, 2):
        raise SystemExit(
            "test must be given twice or not at all: later days, and other users; got"
            f" {len(tests)} files"
        )
    folders = dict.fromkeys([folder, *(path.parent for path in tests)])
    histories = [path for each in folders for path in sorted(each.glob("*histories*.parquet"))]
    first = folder / "kuairand_train.parquet"
    if not first.is_file():
        raise SystemExit(f"path must be a folder with kuairand_train.parquet, got {folder}")
    log = read_kuairand(first, histories)
    times = log.labels.time[..., 0]
    start = times[log.active].max() + 1 - (0 if tests else _LATER_DAYS * _DAY)
    if tests:
        later = read_kuairand([first, tests[0]], histories)
        others = read_kuairand(tests[1], histories)
    else:
        later, others = log.split(_HELD_OUT, settings.seed)
    is_later = later.active & (later.labels.time[..., 0] >= start)
    before = (later.active & ~is_later).sum(axis=1)
    train = later.take(np.flatnonzero(before)).cut(before[before > 0])
    return Data(log, train, later, is_later, others)


def shuffled(log: Log, seed: int, part: np.ndarray | int = 0) -> Log:
    """The log whose users met videos and tabs, and clicked them, in random order within each part
    of their sessions, int [S, T].
    """
    keys = np.random.default_rng(seed).random(log.active.shape) + part + 9 * ~log.active
    steps = np.argsort(keys, axis=1)
    tabs = np.concatenate([log.initial["tab"][:, np.newaxis], log.innovation["tab"]], axis=1)
    fields = (log.documents, log.response, tabs[:, :-1])
    documents, response, tab = repeat_last_step(take_steps(fields, steps), log.length)
    after = np.concatenate([tab[:, 1:], tab[:, -1:]], axis=1)
    return log._replace(
        documents=documents,
        response=response,
        initial={**log.initial, "tab": tab[:, 0]},
        innovation={**log.innovation, "tab": after},
    )


def fit_feed(
    simulator: Simulator, log: Log, spread: float, fixed: Mapping[str, Any], quick: bool
) -> FitResult:
    """A fit from the parameters of a simulator, of which some are fixed at other values."""
    parameters = feed_parameters(spread)
    parameters |= {name: Parameter(value, fixed=True) for name, value in fixed.items()}
    search = LBFGS(_ITERATIONS[quick], progress=False)
    return fit(simulator, parameters, log, method=Classes(search=search, uncertainty=None))


def fitted_spread(log: Log, quick: bool) -> tuple[Simulator, float]:
    """The spread under which the clicks on videos are the likeliest, their effects summed out by
    quadrature, given what else a first fit expects; and that fit.
    """
    simulator = fit_feed(feed_of(log), log, _SPREADS[0], {}, quick).simulator
    video, clicked = (values[log.active][:, 0] for values in (log.documents, log.response))
    probs = predict_choices(simulator, log).probs[log.active][:, 0]
    probs = np.clip(probs, _LEAST, 1 - _LEAST)
    others = np.log(probs) - np.log1p(-probs) - np.asarray(simulator.documents.effect)[video]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    sign = np.where(clicked == 1, -1.0, 1.0)

    def log_likelihood(spread: float) -> float:
        by_node = [
            np.bincount(video, -np.logaddexp(0, sign * (others + spread * node))) for node in nodes
        ]
        return logsumexp(np.stack(by_node), axis=0, b=weights[:, np.newaxis]).sum()

    best = minimize_scalar(
        lambda spread: -log_likelihood(spread), bounds=_SPREADS, method="bounded"
    )
    return simulator, float(best.x)


def log_probs(simulator: Simulator, data: Data) -> list[np.ndarray]:
    """The log-probabilities of the impressions of later days, and of other users, [S, T]."""
    return [predict_choices(simulator, log).log_prob for log in (data.later, data.others)]


def of_guesses(data: Data, seed: int) -> dict[str, list[np.ndarray]]:
    """The same of guesses that see what the models see."""
    train, later, others = (
        Events.of(log, np.asarray(log.response) > 0)
        for log in (data.train, data.later, data.others)
    )
    rows = np.flatnonzero(data.is_later[later.session, later.step])
    scored: dict[str, list[np.ndarray]] = {}
    for events, log in ((later.take(rows), data.later), (others, data.others)):
        for name, probs in guesses(train, events, seed).items():
            values = np.zeros(log.active.shape)
            values[events.session, events.step] = nats(probs, events.clicked)
            scored.setdefault(name, []).append(values)
    return scored


def feed(settings: Settings) -> Section:
    """Fits and scores."""
    started, quick = time.process_time(), settings.quick
    data = read(settings)
    first, spread = fitted_spread(data.train, quick)
    kinds: dict[str, Mapping[str, Any]] = {"no user": _NOBODY, "static": STATIC, "order": {}}
    fits = {
        name: fit_feed(first, data.train, spread, fixed, quick) for name, fixed in kinds.items()
    }
    mixed = shuffled(data.train, settings.seed)
    mixed_data = data._replace(
        train=mixed,
        later=shuffled(data.later, settings.seed, data.is_later),
        others=shuffled(data.others, settings.seed),
    )
    mixed_fits = {
        name: fit_feed(fits[name].simulator, mixed, spread, kinds[name], quick)
        for name in ("static", "order")
    }
    counted = data.is_later, data.others.active

    def gain(better: Sequence[np.ndarray], worse: Sequence[np.ndarray]) -> list[Mean]:
        return [
            mean_by_session(one - other, mask)
            for one, other, mask in zip(better, worse, counted, strict=True)
        ]

    scores = of_guesses(data, settings.seed)
    scores |= {name: log_probs(result.simulator, data) for name, result in fits.items()}
    in_order = gain(scores["order"], scores["static"])
    of_mixed = {name: log_probs(each.simulator, mixed_data) for name, each in mixed_fits.items()}
    after_shuffle = gain(of_mixed["order"], of_mixed["static"])
    of_user = gain(scores["static"], scores["no user"])
    means = {
        name: [mean_by_session(each, mask) for each, mask in zip(values, counted, strict=True)]
        for name, values in scores.items()
    }
    later, others = (-each.value for each in means["order"])
    boosted = [-each.value for each in means["boosting with order"]]
    figures = {
        "feed.later_days": later,
        "feed.other_users": others,
        "feed.boosting": max(later - boosted[0], others - boosted[1]),
        "feed.gain_user": min(each.value for each in of_user),
        "feed.gain_order": in_order[0].value,
        "feed.gain_order_z": in_order[0].value / in_order[0].standard_error,
        "feed.gain_shuffled": after_shuffle[0].value,
        "feed.spread": spread,
    }
    bars = {**_BARS, "feed.gain_shuffled": (-np.inf, figures["feed.gain_order"] / 2)}
    head = ("nats an impression", "later days", "±", "gain", "other users", "±", "gain")
    rows = [head]
    for name, values in means.items():
        cells = []
        for mean, over in zip(values, gain(scores[name], scores["static"]), strict=True):
            cells += [f"{-mean.value:.4f}", f"{mean.standard_error:.4f}", f"{over.value:+.4f}"]
        rows.append((name, *cells))
    notes = [
        _of("The user explains", of_user),
        _of("Order explains", in_order),
        _of("The same, shuffled", after_shuffle),
        "In training, nats: {:.1f} in order, {:.1f} shuffled.".format(
            *(
                each["order"].conditional_log_likelihood - each["static"].conditional_log_likelihood
                for each in (fits, mixed_fits)
            )
        ),
        f"Spread of the effects of videos: {spread:.3f}. "
        + "; ".join(
            f"{name} {np.array2string(value, precision=3)}"
            for name, value in fits["order"].values().items()
            if value.size <= 4
        ),
        f"The fit {fits['order'].ending}. {time.process_time() - started:,.0f} CPU seconds in all.",
    ]
    title = (
        f"{data.train.num_steps:,} impressions of {data.train.num_sessions:,} users; kept apart"
        f" {data.is_later.sum():,} later ones, and {data.others.num_steps:,} of other users"
    )
    if settings.model:
        save_scalars(Path(settings.model), data.whole, figures, quick)
    details = {name: each.ending for name, each in {**fits, **mixed_fits}.items()}
    return section(settings, title, rows, figures, bars, notes, details)


def save_scalars(folder: Path, log: Log, figures: Mapping[str, float], quick: bool) -> None:
    """Saves a fit to the whole log, without its table of videos, in whose place is one that is like
    the mean. The figures are those of fits to a part of the log.
    """
    first, spread = fitted_spread(log, quick)
    result = fit_feed(first, log, spread, {}, quick)
    users = {name: each for name, each in result.estimates.items() if name.startswith("users.")}
    simulator = result.simulator.replaced(documents=Videos(1, (0.0,)))
    save_model(
        folder,
        result._replace(
            simulator=simulator,
            estimates=users,
            parameters={name: result.parameters[name] for name in users},
        ),
        title="Feed-v0: a feed of short videos",
        data={
            "log": "KuaiRand-Pure, impressions of 25 April to 4 May 2022",
            "users": log.num_sessions,
            "impressions": log.num_steps,
            "spread of videos": round(spread, 4),
        },
        checks={
            f"{name.removeprefix('feed.')}, fitted to a part": round(value, 5)
            for name, value in figures.items()
        },
        intended_use="Experiments with agents that meet viewers who differ and remember, without"
        " the log. The effects of videos are drawn with the spread of videos.",
        limits="Click rates by tab, hour and history are those of the log. Its makers thinned it to"
        " 1.2 impressions a visit, so users change less here than in a whole feed. It says nothing"
        " of other policies: all slates were chosen by one system, without propensities.",
        licence="KuaiRand-Pure (Gao et al. 2022) is under CC BY-SA 4.0, and so are the numbers in"
        " this folder: see LICENSE. No row of the log and no table of videos is in it.",
    )


def _of(what: str, means: Sequence[Mean]) -> str:
    later, others = (f"{each.value:.4f} ± {each.standard_error:.4f}" for each in means)
    return f"{what} {later} nats on later days, {others} on other users."
