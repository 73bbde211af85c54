# SPDX-License-Identifier: Apache-2.0
"""Weights of click probabilities, from logs of a ranking that never explored.

Users meet a page of five of 60 items. The old policy ranks it by a fixed score of the items, the
new one by another. An item stands at several positions, since pages hold different items. The
model of the users is right, a little wrong about the attraction of the items, or wrong about how
positions work. "Direct" is its own value of the new policy, without noise of simulations. The truth
is that of rollouts.

With --path, a file of result pages, the section also judges a reranking of real pages by
attraction: a user browsing model is fitted to half of the pages, and the reranking is judged from
the other half.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from fits.click_models import MODELS, fit_model, with_mean_for_unseen
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

from recsim_tf import choice, logs, ope
from recsim_tf.core.base.types import Observation
from recsim_tf.core.distributions import UniformSlates
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.ope.click_estimates import ClickEstimates
from recsim_tf.ope.estimators import PRESETS
from recsim_tf.ope.results import Estimate
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.policies import Deterministic

_NUM_ITEMS, _SIZE, _NUM_SESSIONS = 60, 5, 2000
_NUM_LOGS, _NUM_FITS, _NUM_TRUTH = 200, 20, 400_000
_NAMES = ("cips", "cdr")
_LEVEL = 0.95
_WIDE, _TIGHT = 1.5, 0.3  # scales of the prior of attraction; that of the items is 1
_POSITIONS = (1.0, 0.7, 0.5, 0.35, 0.25)
_GRID = (1.0, 0.5, 0.9, 0.3, 0.7)  # columns in the middle are seen less
# By position, and by the last click above; after a click users look at what is near it.
_BROWSING = 0.95 * 0.75 ** np.maximum(np.subtract.outer(np.arange(_SIZE), np.arange(_SIZE)), 0)


class Catalogue(PageItems):
    """Items of which a page has each at most once."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return UniformSlates(self.num_items, num_candidates, [num_users])


class Case(NamedTuple):
    """A world, a model of it, and the attraction by which the new policy ranks."""

    kind: str  # "right", "little", "wrong" or "support"
    truth: Simulator
    model: Any  # a simulator, or a function from a log to a fitted model
    score: np.ndarray


class Judged(NamedTuple):
    """The estimates of a case in several logs."""

    truth: float
    direct: np.ndarray  # [L]
    estimates: Mapping[str, list[Estimate]]


def measure(settings: Settings) -> Section:
    cases = _cases(settings.seed)
    if settings.quick:
        cases = {
            name: cases[name] for name in ("pbm, shrunk", "pbm, fitted", "cascade taken for pbm")
        }
    judged = {name: _judged(case, settings) for name, case in cases.items()}
    rows = [("users and model", "direct", "cips", "cdr", "believed", "held", "contradicted")]
    rows += [_row(name, cases[name].kind, results) for name, results in judged.items()]
    figures = _figures(cases, judged)
    notes = []
    if settings.path is not None:
        of_pages, notes = _pages(settings)
        figures |= of_pages
    bars = {
        "clicks.cips_vs_direct": (0.0, 0.5),
        "clicks.cdr_vs_direct": (0.0, 0.5),
        "clicks.coverage": (0.92, 1.0),
        "clicks.contradicted": (0.85, 1.0),
    }
    title = (
        f"{_NUM_LOGS} logs of {_NUM_SESSIONS:,} pages of a fixed ranking, {_NUM_FITS} where a model"
        " is fitted to each; errors in % of the truth (root mean square)"
    )
    details = {
        name: {
            "truth": results.truth,
            "direct": results.direct.tolist(),
            "reasons": [str(each.verdict) for each in results.estimates["cips"][:5]],
        }
        for name, results in judged.items()
    }
    return section(settings, title, rows, figures, bars, notes, details)


def _cases(seed: int) -> dict[str, Case]:
    generator = np.random.default_rng(seed)
    attraction = generator.normal(-0.5, 1.0, _NUM_ITEMS)
    satisfaction = generator.normal(0.0, 1.0, _NUM_ITEMS)
    noise = generator.normal(0.0, 0.5, _NUM_ITEMS)
    near = attraction + generator.normal(0.0, 0.5, _NUM_ITEMS)
    shrunk = attraction.mean() + 0.5 * (attraction - attraction.mean())
    click_models = {
        "pbm": choice.PositionBased(_POSITIONS),
        "ubm": choice.UserBrowsing(_BROWSING),
        "dbn": choice.DynamicBayesian(0.9),
    }
    worlds = {
        name: _world(click_model, attraction, satisfaction)
        for name, click_model in click_models.items()
    }
    cases = {
        f"{name}, fitted": Case("right", world, functools.partial(_fitted, name, _WIDE), near)
        for name, world in worlds.items()
    }
    for name, click_model in click_models.items():
        for words, wrong in (
            ("noisy", attraction + noise),
            ("other level", attraction + 0.3),
            ("shrunk", shrunk),
        ):
            model = _world(click_model, wrong, satisfaction)
            # The new policy ranks by the model, which errs most about what it likes.
            score = wrong if words == "noisy" else near
            cases[f"{name}, {words}"] = Case("little", worlds[name], model, score)
    left_out = _world(click_models["dbn"], attraction, np.full(_NUM_ITEMS, satisfaction.mean()))
    cases["dbn, same satisfaction"] = Case("little", worlds["dbn"], left_out, near)
    tight = functools.partial(_fitted, "pbm", _TIGHT)
    cases["pbm, fitted, tight prior"] = Case("little", worlds["pbm"], tight, near)
    cascade = _world(choice.MultipleClickCascade(1.0, 0.0), attraction, satisfaction)
    fitted = functools.partial(_fitted, "pbm", _WIDE)
    cases["cascade taken for pbm"] = Case("wrong", cascade, fitted, near)
    grid = _world(choice.PositionBased(_GRID), attraction, satisfaction)
    as_list = functools.partial(_fitted, "list", _WIDE)
    cases["grid taken for a list"] = Case("wrong", grid, as_list, near)
    wider = (_world(click_models["pbm"], each, None, 2 * _SIZE) for each in (attraction, near))
    cases["pbm, noisy, ten candidates"] = Case("support", *wider, near)
    return cases


def _world(
    click_model: Any, attraction: Any, satisfaction: Any, num_candidates: int = _SIZE
) -> Simulator:
    users = PageClickUsers(feature_probs=[[1.0]], intercept=0.0, click_model=click_model)
    items = Catalogue(
        _NUM_ITEMS,
        item_effect=attraction,
        satisfaction=satisfaction if click_model.uses_satisfaction else None,
        affinity_probs=[1.0],
    )
    return page_clicks(users, items, slate_size=_SIZE, num_candidates=num_candidates, max_steps=1)


def _ranking(score: np.ndarray, size: int = _SIZE) -> Deterministic:
    """Shows the candidates in the order of a score of the items, float [D]."""
    table = tf.constant(score, tf.float32)

    def policy(seen: Observation, state: Any, seed: Any):
        del seed
        documents = seen.documents
        scores = tf.gather(table, getattr(documents, "item_id", documents))
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        return order[:, :size], state

    return Deterministic(policy)


def _fitted(name: str, scale: float, log: logs.Log) -> Any:
    """A click model fitted to a log; "list" is given the examination of a list."""
    click_model, shapes = {
        "pbm": (choice.PositionBased(), {"examination": (_SIZE,)}),
        "ubm": (choice.UserBrowsing(), {"examination": (_SIZE, _SIZE)}),
        "dbn": (choice.DynamicBayesian(), {"gamma": ()}),
        "list": (choice.PositionBased(_POSITIONS), {}),
    }[name]
    prior = tfd.Normal(np.float32(0), np.float32(scale))
    names = ["documents.item_effect"]
    names += ["documents.satisfaction"] * click_model.uses_satisfaction
    parameters = {each: Parameter(np.zeros(_NUM_ITEMS), prior=prior) for each in names}
    parameters |= {
        f"users.click_model.{each}": Parameter(
            np.full(shape, 0.5), "unit", prior=tfd.Beta(np.float32(2), np.float32(2))
        )
        for each, shape in shapes.items()
    }
    search = LBFGS(batch_size=log.num_sessions, progress=False)
    zeros = np.zeros(_NUM_ITEMS)
    return fit(_world(click_model, zeros, zeros), parameters, log, method=Exact(search=search))


def _judged(case: Case, settings: Settings) -> Judged:
    """The estimates from logs of the old ranking."""
    is_fitted = not isinstance(case.model, Simulator)
    number = _NUM_FITS if is_fitted else _NUM_LOGS
    if settings.quick:
        number = 2
    old = np.random.default_rng(settings.seed + 1).normal(0, 1, _NUM_ITEMS)
    attraction = np.asarray(case.truth.documents.item_effect)
    trajectory = case.truth.rollout(
        _ranking(attraction + old), number * _NUM_SESSIONS, 1, settings.seed + 2
    )
    log, policy = logs.from_trajectory(trajectory, case.truth), _ranking(case.score)
    log = log._replace(candidates=trajectory.initial.candidates.numpy()[:, np.newaxis])
    truth = ope.truth(
        case.truth, policy, 1, 2000 if settings.quick else _NUM_TRUTH, settings.seed + 3
    )
    sample, estimators = gather(policy, log, []), [PRESETS[name] for name in _NAMES]

    def clicks_of(log: logs.Log, model: Any, sample: Sample) -> ClickEstimates:
        return ClickEstimates.of(policy, log, model, estimators, sample, settings.seed)

    whole = None if is_fitted else clicks_of(log, case.model, sample)
    direct, estimates = [], {name: [] for name in _NAMES}
    for start in range(0, number * _NUM_SESSIONS, _NUM_SESSIONS):
        rows = slice(start, start + _NUM_SESSIONS)
        own: Sample = tf.nest.map_structure(lambda leaf, rows=rows: leaf[rows], sample)
        if whole is None:
            part = log.take(rows)
            clicks = clicks_of(part, case.model(part), own)
        else:
            clicks = whole.take(rows)
        direct.append(clicks.probabilities.total.sum(1).mean())
        for name in _NAMES:
            estimates[name].append(clicks.estimate(PRESETS[name], own, _LEVEL))
    return Judged(truth.value, np.array(direct), estimates)


def _error(values: Any, truth: float) -> float:
    """The root mean square error, relative to the truth."""
    return float(np.sqrt(np.mean((np.asarray(values) / truth - 1) ** 2)))


def _errors(judged: Judged) -> dict[str, float]:
    values = {name: [each.value for each in judged.estimates[name]] for name in _NAMES}
    return {
        name: _error(each, judged.truth)
        for name, each in ({"direct": judged.direct} | values).items()
    }


def _held(judged: Judged, name: str) -> list[bool]:
    """Whether the intervals of value hold the truth, of the estimates that are believed."""
    return [
        each.interval[0] <= judged.truth <= each.interval[1]
        for each in judged.estimates[name]
        if each.verdict.is_promise
    ]


def _contradicted(judged: Judged) -> float:
    words = [each.verdict.reason for each in judged.estimates["cips"]]
    return float(np.mean(["contradicts" in word for word in words]))


def _row(name: str, kind: str, judged: Judged) -> tuple[str, ...]:
    errors, held = _errors(judged), _held(judged, "cips")
    words = {"right": "right", "little": "a little wrong", "wrong": "positions wrong"}.get(
        kind, kind
    )
    share = f"{np.mean(held):.2f}" if held else "-"
    believed = len(held) / len(judged.direct)
    cells = (f"{100 * errors[each]:.1f}" for each in ("direct", *_NAMES))
    return f"{name} ({words})", *cells, f"{believed:.2f}", share, f"{_contradicted(judged):.2f}"


def _figures(cases: Mapping[str, Case], judged: Mapping[str, Judged]) -> dict[str, float]:
    def of(*kinds: str) -> list[Judged]:
        return [results for name, results in judged.items() if cases[name].kind in kinds]

    errors = [_errors(results) for results in of("little")]
    figures = {}
    for name in _NAMES:
        squares = [np.mean([each[which] ** 2 for each in errors]) for which in (name, "direct")]
        figures[f"clicks.{name}_vs_direct"] = float(np.sqrt(squares[0] / squares[1]))
        figures[f"clicks.{name}_vs_direct_worst"] = max(
            each[name] / each["direct"] for each in errors
        )
    held = [each for results in of("right", "little") for each in _held(results, "cips")]
    figures["clicks.coverage"] = float(np.mean(held)) if held else 0.0
    by_case = [_held(results, "cips") for results in of("right", "little")]
    figures["clicks.coverage_worst"] = float(min(np.mean(each) for each in by_case if each))
    figures["clicks.contradicted"] = min(_contradicted(results) for results in of("wrong"))
    for results in of("support"):
        errors = _errors(results)
        figures["clicks.support.cdr_vs_direct"] = errors["cdr"] / errors["direct"]
        refused = [not each.verdict.is_believable for each in results.estimates["cips"]]
        figures["clicks.support.cips_refused"] = float(np.mean(refused))
    figures["clicks.false_alarms"] = float(np.mean([_contradicted(each) for each in of("right")]))
    return figures


def _pages(settings: Settings) -> tuple[dict[str, float], list[str]]:
    """The value of a reranking of real pages by attraction, in clicks a page."""
    pages = logs.read_result_pages(settings.path)
    train, judged = pages.log.split(0.5, settings.seed)
    if settings.quick:
        train, judged = (log.take(range(0, log.num_sessions, 100)) for log in (train, judged))
    number, notes, figures = pages.num_pairs, [], {}
    result = fit_model(MODELS["ubm"], train, number, settings.quick)
    model = with_mean_for_unseen(result, train, number)
    score = np.asarray(model.documents.item_effect)
    size = judged.slate_size
    order = np.broadcast_to(np.arange(size, dtype=np.int32), judged.documents.shape)
    log = judged._replace(
        slate=order,
        reward=judged.response.astype(np.float32),
        observation=Observation(
            np.zeros([*judged.active.shape, 1], np.int32), judged.documents, ()
        ),
    )
    for words, ranking in (("by attraction", score), ("from the least", -score)):
        result = ope.evaluate(_ranking(ranking, size), log, _NAMES, model=model)
        estimate = result["cips"]
        assert estimate.gain is not None
        gain = estimate.gain.texts(result.logged.value)
        notes.append(
            f"{log.num_sessions:,} pages, {result.logged.value:.4f} clicks a page, reranked"
            f" {words}: {estimate.value:.4f} by cips, {gain[0]} ({gain[1]} to {gain[2]});"
            f" {estimate.verdict}"
        )
        name = "clicks.pages." + words.replace(" ", "_")
        figures[name] = estimate.value / result.logged.value - 1
    return figures, notes
