"""Open Bandit: whether clicks under a random policy tell the click rate of another policy.

For each of the campaigns all, men and women `PageClicks-v0` is fitted to the log of the random policy, 10,000 impressions with some 40
clicks. Its mean click probability over the impressions of the other log, that of Bernoulli Thompson sampling, is the predicted click rate
of that policy; the nearest guess without a model is the random log's own rate. Clicks of that other log are compared with, and used for
nothing else. Intervals of 95 % are bootstrapped: those of logged rates from resampled impressions, those of predictions from fits to
resampled random logs.

With so few clicks the priors of the effects of positions and items matter: they are normal, with scales that are estimated from the three
random logs together, see `page_fits.prior_scales`.

The held-out log-loss is that of random logs in five stratified folds, in nats an impression; scales, and the regularisation C of
scikit-learn's logistic regression (one-hot, no scaling), are found within the training part of each fold.
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

from recsim_tf.fitting.readers import OpenBanditLog, read_open_bandit

# Full and quick.
_CAMPAIGNS = {False: ("all", "men", "women"), True: ("men",)}
_REFITS, _FOLDS = {False: 50, True: 1}, {False: 5, True: 2}
# Of EM for the scales, at most: for whole logs and for the training parts of folds.
_ROUNDS = {False: (20, 20), True: (1, 0)}
_RESAMPLES, _INNER_FOLDS = 10_000, 5
# Clicks and other impressions of a quick run.
_QUICK = (20, 280)
_ROWS = (
    ("constant", "random log's rate"),
    ("ours", "page clicks"),
    ("ours_without_affinity", "page clicks without affinity"),
    ("logistic_regression", "logistic regression, same features"),
    ("logistic_regression_all", "logistic regression, all features"),
)


def open_bandit(data_dir: str, seed: int, quick: bool) -> dict[str, Any]:
    """Click rates of the bts policy as predicted from random logs, and held-out log-losses of random logs."""
    folder = os.path.join(data_dir, "obd")
    if not os.path.isdir(folder):
        raise SystemExit(f"data_dir has no folder obd, got {data_dir}: run `make data` first")
    started = time.perf_counter()
    logs = {}
    for campaign in _CAMPAIGNS[quick]:
        random = read_open_bandit(folder, campaign, "random")
        bts = read_open_bandit(folder, campaign, "bts", like=random)
        logs[campaign] = tuple(_first(log, *_QUICK) for log in (random, bts)) if quick else (random, bts)
    scales = page_fits.prior_scales([page_fits.pages(random) for random, _ in logs.values()], affinity=True, max_rounds=_ROUNDS[quick][0])
    rows = {campaign: _rates(*logs[campaign], scales, [seed, number], quick) for number, campaign in enumerate(logs)}
    losses = _held_out({campaign: random for campaign, (random, _) in logs.items()}, scales, seed, quick)
    error = {name: sum(abs(row[name] - row["logged"]) for row in rows.values()) for name in ("predicted", "constant")}
    figures: dict[str, float] = {"total_error": error["predicted"], "total_error/constant": error["constant"]}
    for campaign, row in rows.items():
        figures |= {f"{campaign}/{name}": row[name] for name in ("predicted", "logged", "constant")}
        figures |= {f"{campaign}/log_loss/{name}": found["log_loss"] for name, found in losses[campaign].items()}
    figures |= {f"log_loss/{name}": float(np.mean([losses[campaign][name]["log_loss"] for campaign in logs])) for name, _ in _ROWS}
    figures |= {f"scale/{name}": scale for name, scale in scales.items()}
    figures["seconds"] = time.perf_counter() - started
    return {"study": "open_bandit", "figures": figures, "rates": rows, "held_out": losses}


def _rates(random: OpenBanditLog, bts: OpenBanditLog, scales, seed, quick: bool) -> dict[str, Any]:
    """The predicted and the logged click rate of the bts policy, and the random log's rate."""
    generator = np.random.default_rng(seed)
    simulator, log = page_fits.pages(random)
    shown = page_fits.pages(bts).log
    result = page_fits.fit_pages(simulator, log, scales, affinity=True)
    refits = []
    for _ in range(_REFITS[quick]):
        again = log.take(generator.integers(log.num_sessions, size=log.num_sessions))
        refits.append(page_fits.click_probs(page_fits.fit_pages(simulator, again, scales, affinity=True).simulator, shown).mean())
    clicks = generator.binomial(len(bts.clicked), bts.clicked.mean(), _RESAMPLES)
    return {
        "predicted": float(page_fits.click_probs(result.simulator, shown).mean()),
        "predicted_interval": _interval(refits),
        "logged": float(bts.clicked.mean()),
        "logged_interval": _interval(clicks / len(bts.clicked)),
        "constant": float(random.clicked.mean()),
        "affinity_effect": float(result.simulator.users.affinity_effect),
        "position_effect": result.estimates["users.position_effect"].value.tolist(),
        "item_effect": result.estimates["documents.item_effect"].value.tolist(),
        "converged": result.converged,
    }


def _held_out(logs: dict[str, OpenBanditLog], scales, seed: int, quick: bool) -> dict[str, dict[str, dict[str, float]]]:
    """By campaign and model: the log-loss of held-out impressions, and how far it is above the constant's, with its standard error."""
    splitter = StratifiedKFold(_FOLDS[quick], shuffle=True, random_state=seed)
    found = {campaign: page_fits.pages(log) for campaign, log in logs.items()}
    folds = {campaign: list(splitter.split(log.item, log.clicked)) for campaign, log in logs.items()}
    probs = {campaign: {name: np.zeros(len(log.item)) for name, _ in _ROWS} for campaign, log in logs.items()}
    for fold in range(_FOLDS[quick]):
        train = [each._replace(log=each.log.take(folds[campaign][fold][0])) for campaign, each in found.items()]
        for name, affinity in (("ours", True), ("ours_without_affinity", False)):
            # They begin at the scales of the whole logs to save time, and end where those of the training parts are.
            own = page_fits.prior_scales(train, affinity, scales, max_rounds=_ROUNDS[quick][1])
            for campaign, part in zip(found, train, strict=True):
                result = page_fits.fit_pages(part.simulator, part.log, own, affinity)
                test = folds[campaign][fold][1]
                probs[campaign][name][test] = page_fits.click_probs(result.simulator, found[campaign].log.take(test))
        for campaign, log in logs.items():
            rows, test = folds[campaign][fold]
            probs[campaign]["constant"][test] = log.clicked[rows].mean()
            for name, everything in (("logistic_regression", False), ("logistic_regression_all", True)):
                features = _features(log, everything)
                model = _regression(features[rows], log.clicked[rows])
                probs[campaign][name][test] = model.predict_proba(features[test])[:, 1]
    return {campaign: {name: _loss(logs[campaign].clicked, found, name) for name in found} for campaign, found in probs.items()}


def _regression(features: np.ndarray, clicked: np.ndarray) -> GridSearchCV:
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": np.logspace(-4, 2, 7)}, scoring="neg_log_loss", cv=_INNER_FOLDS)
    with warnings.catch_warnings():
        # Hardly regularised, it is slow to converge, and not chosen.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(features, clicked)


def _features(log: OpenBanditLog, everything: bool) -> np.ndarray:
    """[S, P]: position, item and affinity; or the features of items and users too."""
    columns = [np.eye(3)[log.position], np.eye(log.num_items)[log.item], np.log1p(log.affinity)[:, np.newaxis]]
    if everything:
        columns.append(log.item_numeric[log.item, np.newaxis])
        columns += [np.eye(codes.max() + 1)[codes[log.item]] for codes in log.item_categories.T]
        columns += [np.eye(len(known) + 1)[codes] for codes, known in zip(log.user_features.T, log.user_categories, strict=True)]
    return np.concatenate(columns, axis=1)


def _loss(clicked: np.ndarray, probs: dict[str, np.ndarray], name: str) -> dict[str, float]:
    loss, constant = (-np.log(np.where(clicked, probs[key], 1 - probs[key])) for key in (name, "constant"))
    above = loss - constant
    return {
        "log_loss": float(loss.mean()),
        "above_constant": float(above.mean()),
        "standard_error": float(above.std() / np.sqrt(len(above))),
    }


def _interval(values) -> list[float]:
    return np.quantile(values, [0.025, 0.975]).tolist()


def _first(log: OpenBanditLog, num_clicks: int, num_others: int) -> OpenBanditLog:
    """The first impressions with a click, and without."""
    rows = np.sort(np.concatenate([np.flatnonzero(log.clicked)[:num_clicks], np.flatnonzero(~log.clicked)[:num_others]]))
    by_row = ("position", "user_features", "affinity", "timestamp")
    return log._replace(log=log.log.take(rows), **{name: getattr(log, name)[rows] for name in by_row})


def open_bandit_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures = result["figures"]
    lines = ["Open Bandit, click rate of the bts policy in %, with 95 % intervals; predicted from the random log"]
    lines.append(f"{'campaign':<10} {'predicted':>21} {'logged':>21} {'random log':>11}")
    for campaign, row in result["rates"].items():
        cells = [
            f"{row[name]:.3%} ({row[f'{name}_interval'][0]:.3%}-{row[f'{name}_interval'][1]:.3%})".replace("%", "")
            for name in ("predicted", "logged")
        ]
        lines.append(f"{campaign:<10} {cells[0]:>21} {cells[1]:>21} {100 * row['constant']:>11.3f}")
    lines.append(
        f"Sum of distances to the logged rate: predicted {100 * figures['total_error']:.3f}, "
        f"random log's rate {100 * figures['total_error/constant']:.3f}."
    )
    scales = ", ".join(f"{name.split('.')[1]} {figures[f'scale/{name}']:.2f}" for name in page_fits.TABLES)
    lines += [
        f"Scales of effects: {scales}.",
        "",
        "Held-out log-loss of the random logs, and how far above the constant (standard error), 1e-4",
    ]
    lines.append(f"{'model':<36}" + "".join(f"{campaign:>25}" for campaign in result["rates"]))
    for name, title in _ROWS:
        cells = []
        for campaign in result["rates"]:
            found = result["held_out"][campaign][name]
            above = f" {1e4 * found['above_constant']:+.2f} ({1e4 * found['standard_error']:.2f})" if name != "constant" else ""
            cells.append(f"{1e4 * found['log_loss']:.2f}{above}")
        lines.append(f"{title:<36}" + "".join(f"{cell:>25}" for cell in cells))
    return "\n".join(lines)
