"""Open Bandit: what clicks under a random policy tell of other clicks under it.

For the campaigns all, men and women `PageClicks-v0` is fitted to the log of the random policy,
10,000 impressions each with some 40 clicks. What it says of another policy is a section of
`benchmarks/ope.py`, see `off_policy/open_bandit.py`.

With so few clicks the priors of the effects of positions and items matter: they are normal, with
scales that are estimated from the three random logs together, see `page_fits.prior_scales`. A
second model also knows the user's past clicks on the item, which 42 of the 30,000 random
impressions have: it lowers the held-out log-loss by less than the standard error of that, so the
simpler model stands first. Features of users and categories of items are left out: they tell
nothing here, see the logistic regression with all features.

The held-out log-loss is that of random logs in five stratified folds, in nats an impression;
scales, and the regularisation C of scikit-learn's logistic regression (one-hot, no scaling), are
found within the training part of each fold.
"""

import os
import time
import warnings
from typing import Any

import numpy as np
from fits import page_fits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from recsim_tf.logs import read_open_bandit
from recsim_tf.logs.datasets.open_bandit import OpenBanditLog
from recsim_tf.support.tables import text_table

# Full and quick.
_CAMPAIGNS = {False: ("all", "men", "women"), True: ("men",)}
_FOLDS = {False: 5, True: 2}
# Of EM for the scales, at most: for whole logs and for the training parts of folds.
_ROUNDS = {False: (20, 5), True: (1, 0)}
_INNER_FOLDS = 5
# Clicks and other impressions of a quick run.
_QUICK = (20, 280)
# Whether they know affinities.
_MODELS = {"ours": False, "ours_with_affinity": True}
_REGRESSIONS = (
    "logistic_regression",
    "logistic_regression_with_affinity",
    "logistic_regression_all",
)
_TITLES = {
    "constant": "random log's rate",
    "ours": "page clicks: position, item",
    "ours_with_affinity": "page clicks: + affinity",
    "logistic_regression": "logistic regression: position, item",
    "logistic_regression_with_affinity": "logistic regression: + affinity",
    "logistic_regression_all": "logistic regression: + all features",
}


def open_bandit(data_dir: str, seed: int, quick: bool) -> dict[str, Any]:
    """Held-out log-losses of random logs."""
    folder = os.path.join(data_dir, "obd")
    if not os.path.isdir(folder):
        raise SystemExit(f"data_dir has no folder obd, got {data_dir}: run `make data` first")
    started = time.perf_counter()
    logs = {}
    for campaign in _CAMPAIGNS[quick]:
        log = read_open_bandit(folder, campaign, "random")
        logs[campaign] = _first(log, *_QUICK) if quick else log
    pages = [page_fits.pages(log) for log in logs.values()]
    scales = {
        name: page_fits.prior_scales(pages, affinity, max_rounds=_ROUNDS[quick][0])
        for name, affinity in _MODELS.items()
    }
    losses = _held_out(logs, scales, seed, quick)
    gain = _mean_and_error(
        np.concatenate([found["ours"] - found["ours_with_affinity"] for found in losses.values()])
    )
    figures = {
        f"log_loss/{name}": float(np.mean([found[name] for found in losses.values()]))
        for name in _TITLES
    }
    for campaign, found in losses.items():
        figures |= {
            f"{campaign}/log_loss/{name}": float(loss.mean()) for name, loss in found.items()
        }
    figures["seconds"] = time.perf_counter() - started
    return {
        "study": "open_bandit",
        "figures": figures,
        "scales": scales,
        "held_out": _above_constant(losses),
        "affinity": gain,
    }


def _held_out(
    logs: dict[str, OpenBanditLog], scales, seed: int, quick: bool
) -> dict[str, dict[str, np.ndarray]]:
    """By campaign and model: the log-loss [S] of each impression when it is held out."""
    splitter = StratifiedKFold(_FOLDS[quick], shuffle=True, random_state=seed)
    pages = {campaign: page_fits.pages(log) for campaign, log in logs.items()}
    folds = {
        campaign: list(splitter.split(log.item, log.clicked)) for campaign, log in logs.items()
    }
    probs = {
        campaign: {name: np.zeros(len(log.item)) for name in _TITLES}
        for campaign, log in logs.items()
    }
    for fold in range(_FOLDS[quick]):
        train = [
            each._replace(log=each.log.take(folds[campaign][fold][0]))
            for campaign, each in pages.items()
        ]
        for name, affinity in _MODELS.items():
            # They begin at the scales of the whole logs to save time, and end where those of the
            # training parts are.
            own = page_fits.prior_scales(
                train, affinity, scales[name], max_rounds=_ROUNDS[quick][1]
            )
            for campaign, part in zip(pages, train, strict=True):
                fitted = page_fits.fit_pages(part.simulator, part.log, own, affinity).simulator
                test = folds[campaign][fold][1]
                probs[campaign][name][test] = page_fits.click_probs(
                    fitted, pages[campaign].log.take(test)
                )
        for campaign, log in logs.items():
            rows, test = folds[campaign][fold]
            probs[campaign]["constant"][test] = log.clicked[rows].mean()
            for name, features in zip(_REGRESSIONS, _features(log), strict=True):
                probs[campaign][name][test] = _regression(
                    features[rows], log.clicked[rows]
                ).predict_proba(features[test])[:, 1]

    def loss(campaign, probs):
        return -np.log(np.where(logs[campaign].clicked, probs, 1 - probs))

    return {
        campaign: {name: loss(campaign, values) for name, values in found.items()}
        for campaign, found in probs.items()
    }


def _regression(features: np.ndarray, clicked: np.ndarray) -> GridSearchCV:
    search = GridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": np.logspace(-4, 2, 7)},
        scoring="neg_log_loss",
        cv=_INNER_FOLDS,
    )
    with warnings.catch_warnings():
        # Hardly regularised, it is slow to converge, and not chosen.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(features, clicked)


def _features(log: OpenBanditLog) -> list[np.ndarray]:
    """[S, P] each: position and item; affinity too; the features of items and users too."""
    position_and_item = np.concatenate(
        [np.eye(3)[log.position], np.eye(log.num_items)[log.item]], axis=1
    )
    with_affinity = np.concatenate(
        [position_and_item, np.log1p(log.affinity)[:, np.newaxis]], axis=1
    )
    of_items = [np.eye(codes.max() + 1)[codes[log.item]] for codes in log.item_categories.T]
    of_users = [
        np.eye(len(known) + 1)[codes]
        for codes, known in zip(log.user_features.T, log.user_categories, strict=True)
    ]
    everything = np.concatenate(
        [with_affinity, log.item_numeric[log.item, np.newaxis], *of_items, *of_users], axis=1
    )
    return [position_and_item, with_affinity, everything]


def _above_constant(
    losses: dict[str, dict[str, np.ndarray]],
) -> dict[str, dict[str, dict[str, float]]]:
    return {
        campaign: {
            name: {"log_loss": float(loss.mean()), **_mean_and_error(loss - found["constant"])}
            for name, loss in found.items()
        }
        for campaign, found in losses.items()
    }


def _mean_and_error(values: np.ndarray) -> dict[str, float]:
    return {
        "difference": float(values.mean()),
        "standard_error": float(values.std() / np.sqrt(len(values))),
    }


def _first(log: OpenBanditLog, num_clicks: int, num_others: int) -> OpenBanditLog:
    """The first impressions with a click, and without."""
    rows = np.sort(
        np.concatenate(
            [np.flatnonzero(log.clicked)[:num_clicks], np.flatnonzero(~log.clicked)[:num_others]]
        )
    )
    by_row = ("position", "propensity", "user_features", "affinity", "timestamp")
    return log._replace(
        log=log.log.take(rows), **{name: getattr(log, name)[rows] for name in by_row}
    )


def open_bandit_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    held_out = result["held_out"]
    scales = ", ".join(
        f"{name.split('.')[1]} {scale:.2f}" for name, scale in result["scales"]["ours"].items()
    )
    lines = [
        f"Scales of effects: {scales}",
        "",
        "Held-out log-loss of random logs, and how far above the constant's (standard error), 1e-4",
    ]
    rows = [("model", *held_out)]
    for name, title in _TITLES.items():
        cells = []
        for found in (losses[name] for losses in held_out.values()):
            above = (
                f" {1e4 * found['difference']:+.2f} ({1e4 * found['standard_error']:.2f})"
                if name != "constant"
                else ""
            )
            cells.append(f"{1e4 * found['log_loss']:.2f}{above}")
        rows.append((title, *cells))
    lines.append(text_table(rows))
    gain, error = (1e4 * result["affinity"][key] for key in ("difference", "standard_error"))
    lines.append(
        f"Affinity lowers that of page clicks by {gain:.2f} ({error:.2f}) over all campaigns."
    )
    return "\n".join(lines)
