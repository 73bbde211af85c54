# SPDX-License-Identifier: Apache-2.0
"""Click models: how well ten of them predict the clicks on result pages that are kept apart.

All are settings of `PageClicks-v0` whose items are pairs of a query and a document, and are fitted
by maximum a posteriori. Attraction, satisfaction, examination and continuation have the prior
Beta(2, 2), which PyClick's counts amount to; on a logit it is the standard logistic distribution. A
pair that no training page shows has the mean logits of the others, by how often they were shown.

gctr, rctr, dctr: one click rate, one for each rank, one for each pair. pbm, ubm: position-based and
user browsing model. cm, dcm, ccm, sdbn, dbn: cascade, dependent clicks, click chain, (simplified)
dynamic Bayesian network. The cascade has no pages of several clicks: it is fitted to pages up to
their first click, and its log-likelihood is that of such pages.

A fifth of the pages is kept apart, by a seed; --test names a file of other pages, and then the fits
are to all pages of --path.
"""

import itertools
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.predictions.choices import (
    ChoicePredictions,
    click_perplexity,
    predict_choices,
)
from recsim_tf.logs import Log, read_result_pages

_HELD_OUT = 0.2
# Full and quick.
_ITERATIONS, _EVERY = {False: 300, True: 3}, {False: 1, True: 100}
# Standard errors: the thousands of effects are known far less exactly.
_TOLERANCE = 0.05
# Each is at least as likely as the next.
_ORDERS = (("ubm", "pbm", "dctr", "rctr", "gctr"), ("dbn", "sdbn"))
_SLOW = ("ubm", "dbn")
_ATTRACTION = ("documents.item_effect",)


class PageModel(NamedTuple):
    """A click model and its parameters. The shape of a probability has axes of slate positions
    ("K") and numbers of elements.
    """

    click_model: choice.ClickModel
    effects: tuple[str, ...]  # logits
    probabilities: Mapping[str, tuple[int | str, ...]]


def _with_attraction(click_model: choice.ClickModel, *effects: str, **probs: Any) -> PageModel:
    return PageModel(click_model, (*_ATTRACTION, *effects), probs)


MODELS = {
    "gctr": PageModel(choice.IndependentClicks(), ("users.intercept",), {}),
    "rctr": PageModel(choice.IndependentClicks(), ("users.position_effect",), {}),
    "dctr": _with_attraction(choice.IndependentClicks()),
    "pbm": _with_attraction(choice.PositionBased(), examination=("K",)),
    "cm": _with_attraction(choice.MultipleClickCascade(1.0, 0.0)),
    "dcm": _with_attraction(choice.DependentClicks(), continue_after_click=("K",)),
    "ccm": _with_attraction(choice.ClickChain(), tau=(3,)),
    "sdbn": _with_attraction(choice.DynamicBayesian(), "documents.satisfaction"),
    "dbn": _with_attraction(choice.DynamicBayesian(), "documents.satisfaction", gamma=()),
    "ubm": _with_attraction(choice.UserBrowsing(), examination=("K", "K")),
}


def click_models(settings: Settings) -> Section:
    """Fits and scores of all models."""
    if settings.path is None:
        raise SystemExit("path must name a Parquet file of result pages, got none")
    pages, quick = read_result_pages(settings.path), settings.quick
    log, num_pairs = pages.log, pages.num_pairs
    if settings.test:
        train, kept = log, read_result_pages(settings.test[0], like=pages).log
    else:
        train, kept = log.split(_HELD_OUT, settings.seed)
    train, kept = (log.take(range(0, log.num_sessions, _EVERY[quick])) for log in (train, kept))
    models = {name: _row(name, train, kept, num_pairs, quick) for name in MODELS}
    figures = {f"click_models.{name}": row["log_likelihood"] for name, row in models.items()}
    figures |= {f"click_models.seconds.{name}": models[name]["seconds"] for name in _SLOW}
    head = ("model", "log-likelihood", "training", "perplexity", "conditional", "seconds", "ending")
    rows = [head]
    for name, row in models.items():
        perplexities = (
            " / ".join("infinite" if each is None else f"{each:.4f}" for each in row[which])
            for which in ("perplexity", "conditional")
        )
        cells = (f"{row[which]:.5f}" for which in ("log_likelihood", "training"))
        rows.append((name, *cells, *perplexities, f"{row['seconds']:.1f}", row["ending"]))
    title = (
        f"{train.num_sessions:,} training pages, {len(train.distinct()[0]):,} of them different,"
        f" and {kept.num_sessions:,} to score; nats a rank; perplexity as mean over ranks / pooled"
    )
    unseen = np.any(times_shown(train, num_pairs)[kept.documents] == 0, axis=(1, 2)).sum()
    notes = [
        f"{unseen:,} of the pages to score show a pair of query and document that no training page"
        " shows."
    ]
    for which, order in itertools.product(("log_likelihood", "training"), _ORDERS):
        values = [models[name][which] for name in order]
        holds = all(better >= worse for better, worse in itertools.pairwise(values))
        notes += [f"{' >= '.join(order)} in {which}: {'holds' if holds else 'does not hold'}"]
    notes += [f"cm: {models['cm']['impossible']:,} pages have several clicks."]
    return section(settings, title, rows, figures, notes=notes, details=models)


def _row(name: str, train: Log, kept: Log, num_pairs: int, quick: bool):
    """The figures of a model."""
    fitted_to, scored = train, kept
    if name == "cm":
        fitted_to, scored = _to_first_click(train), _to_first_click(kept)
    started = time.process_time()
    result = fit_model(MODELS[name], fitted_to, num_pairs, quick)
    seconds = time.process_time() - started
    simulator = with_mean_for_unseen(result, train, num_pairs)
    predictions = predict_choices(simulator, kept)
    of_scored = predictions if scored is kept else predict_choices(simulator, scored)
    return {
        "log_likelihood": float(of_scored.log_prob.mean(dtype=np.float64)) / kept.slate_size,
        "training": result.log_likelihood / train.num_sessions / kept.slate_size,
        "perplexity": _mean_and_pooled(predictions, kept, conditional=False),
        "conditional": _mean_and_pooled(predictions, kept, conditional=True),
        "impossible": int(np.isinf(predictions.log_prob).sum()),
        "seconds": seconds,
        "evaluations": len(result.history),
        "ending": result.ending,
    }


def _mean_and_pooled(
    predictions: ChoicePredictions, log: Log, conditional: bool
) -> list[float | None]:
    """Both perplexities; None, as JSON has it, where one is infinite."""
    perplexity = click_perplexity(predictions, log, conditional)
    return [value if np.isfinite(value) else None for value in (perplexity.mean, perplexity.pooled)]


def fit_model(model: PageModel, log: Log, num_pairs: int, quick: bool) -> FitResult:
    """A model fitted to pages; items are pairs, and one more for those that are not known."""
    num_items, slate_size = num_pairs + 1, log.slate_size
    lengths = {"K": slate_size}
    starts: dict[str, Any] = {
        "users.intercept": 0.0,
        "users.position_effect": np.zeros(slate_size),
        "documents.item_effect": np.zeros(num_items),
        "documents.satisfaction": np.zeros(num_items),
    }
    parameters = {
        name: Parameter(starts[name], prior=tfd.Logistic(0.0, 1.0)) for name in model.effects
    }
    for name, axes in model.probabilities.items():
        start = np.full([lengths.get(axis, axis) for axis in axes], 0.5)
        parameters[f"users.click_model.{name}"] = Parameter(start, "unit", prior=tfd.Beta(2.0, 2.0))
    users = PageClickUsers(feature_probs=[[1.0]], intercept=0.0, click_model=model.click_model)
    satisfaction = 0.0 if model.click_model.uses_satisfaction else None
    items = PageItems(num_items, 0.0, satisfaction=satisfaction, affinity_probs=[1.0])
    simulator = page_clicks(users, items, slate_size=slate_size, num_candidates=slate_size)
    return fit(
        simulator,
        parameters,
        log,
        method=Exact(
            search=LBFGS(_ITERATIONS[quick], _TOLERANCE, batch_size=2000, progress=False),
            uncertainty=None,
        ),
    )


def times_shown(log: Log, num_pairs: int) -> np.ndarray:
    """int64 [num_pairs + 1]: how often a log shows each pair."""
    return np.bincount(log.documents.ravel(), minlength=num_pairs + 1)


def with_mean_for_unseen(result: FitResult, train: Log, num_pairs: int):
    """The fitted simulator, whose pairs that no page of the training showed have the mean logits of
    those that it did, by how often.
    """
    count = times_shown(train, num_pairs)
    tables = {
        name: np.where(count > 0, value, np.average(value, weights=count))
        for name, value in result.values().items()
        if name.startswith("documents.")
    }
    return result.simulator.with_parameters(tables)


def _to_first_click(log: Log) -> Log:
    """The pages without the clicks below the first one."""
    return log._replace(response=log.response * (np.cumsum(log.response, axis=2) <= 1))
