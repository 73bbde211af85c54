"""Panels: mixed logits of two panels that the literature knows, whose tastes no log shows.

A customer has a taste for each attribute of the alternatives, normal among customers or the same
for all, and chooses alternative i with probability proportional to exp(taste . x_i) (Revelt and
Train 1998, "Mixed logit with repeated choices"). The fits integrate the tastes out by `Draws`.

yogurt: purchases of 80 households among four brands (Jain, Vilcassim and Chintagunta 1994). Tastes
for three brands against the fourth are normal, those for price and advertising the same for all.
The log-likelihood must be below zero, and not fall with the draws by more than their noise.

electricity: choices of 361 customers among four suppliers (Revelt and Train 2000,
"Customer-specific taste parameters and mixed logit"). All six tastes are normal. The maximum is
about -3880, with no spread at zero. `shelf.py` compares a fit by 600 Halton points with the
published one.
"""

import csv
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.fitting import LBFGS, Draws, Parameter, fit
from recsim_tf.logs.log import Log


class Panel(NamedTuple):
    """Which columns of a file set the alternatives apart."""

    columns: tuple[str, ...]  # numbers
    num_normal: int  # the first attributes, tastes for which differ between customers
    brands: tuple[str, ...] = ()  # values of the column "alt"; attributes before the columns


class Shoppers(recsim_tf.UserModel):
    """Customers of tastes [B, F]; the first M have a spread."""

    mean: Any = recsim_tf.parameter(rank=1)
    spread: Any = recsim_tf.parameter(rank=1)  # with a sign, so that no search ends at zero

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users, np.shape(self.spread)[-1]], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

    def response(self, state, slate):
        deviation = self.per_user("spread") * state
        num_equal = np.shape(self.mean)[-1] - state.shape[1]
        tastes = self.per_user("mean") + tf.pad(deviation, [[0, 0], [0, num_equal]])
        return MultinomialLogit()(tf.einsum("bkf,bf->bk", slate.documents, tastes), slate.mask)

    def observe(self, state):
        return state[:, :0]


class Alternatives(recsim_tf.DocumentModel):
    """Attributes [B, N, F]; the panel says which were met."""

    num_attributes: int = 1

    def candidates(self, num_users, num_candidates, corpus, user):
        zeros = tf.zeros([num_users, num_candidates, self.num_attributes], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 2)

    def observe(self, documents):
        return documents


_PANELS = {
    "yogurt": Panel(("price", "feat"), 3, ("dannon", "hiland", "weight")),
    "electricity": Panel(("pf", "cl", "loc", "wk", "tod", "seas"), 6),
}
_YOGURT_DRAWS = (100, 200, 800)
_ELECTRICITY_DRAWS, _ELECTRICITY_SEEDS = 600, (0, 1, 2)
_MAXIMUM = -3880.0


def read_panel(file: Path, panel: Panel) -> Log:
    """The choices of each customer as a session, in their order."""
    customers: dict[str, dict[str, list[dict[str, str]]]] = {}
    with open(file, newline="") as rows:
        for row in csv.DictReader(rows):
            customers.setdefault(row["id"], {}).setdefault(row["chid"], []).append(row)

    def attributes(row):
        return [
            *(float(row["alt"] == brand) for brand in panel.brands),
            *(float(row[name]) for name in panel.columns),
        ]

    sessions = [
        [
            ([attributes(row) for row in rows], [row["choice"] for row in rows].index("1"))
            for rows in customer.values()
        ]
        for customer in customers.values()
    ]
    length = np.array([len(session) for session in sessions], np.int32)
    # Steps after the end repeat the last one.
    padded = [session + session[-1:] * (length.max() - len(session)) for session in sessions]
    documents = np.array([[met for met, _ in session] for session in padded], np.float32)
    response = np.array([[chosen for _, chosen in session] for session in padded], np.int32)
    shown = np.ones(documents.shape[:-1], bool)
    departed = np.zeros(len(length), bool)
    return Log(length, departed, (), documents, shown, (), response, ())


def fit_panel(log: Log, panel: Panel, num_draws: int, seed: int, quick: bool) -> dict[str, Any]:
    """A fit from means of zero and spreads of one."""
    num_attributes = log.documents.shape[-1]
    start = {"mean": np.zeros(num_attributes), "spread": np.ones(panel.num_normal)}
    simulator = recsim_tf.Simulator(
        Shoppers(**start), Alternatives(num_attributes), log.slate_size, log.slate_size
    )
    parameters = {
        "users.mean": Parameter(start["mean"]),
        "users.spread": Parameter(start["spread"]),
    }
    begun = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fit(
            simulator,
            parameters,
            log,
            method=Draws(
                num_draws,
                jit_compile=not quick,
                search=LBFGS(2 if quick else 200, batch_size=10, progress=False),
                uncertainty=None,
            ),
            seed=seed,
        )
    values = {name: np.asarray(value).tolist() for name, value in result.values().items()}
    return {
        "draws": num_draws,
        "seed": seed,
        "log_likelihood": result.log_likelihood,
        "climbed_log_likelihood": result.climbed_log_likelihood,
        **values,
        "ending": result.ending,
        "evaluations": len(result.history),
        "told": [str(each.message) for each in caught],
        "seconds": time.process_time() - begun,
    }


def panels(settings: Settings) -> Section:
    """Fits of both panels."""
    rows: dict[str, list[dict[str, Any]]] = {}
    cases = {
        "yogurt": [(draws, 0) for draws in _YOGURT_DRAWS],
        "electricity": [(_ELECTRICITY_DRAWS, seed) for seed in _ELECTRICITY_SEEDS],
    }
    for name, of_panel in cases.items():
        log = read_panel(Path(settings.data_dir) / f"{name}.csv", _PANELS[name])
        if settings.quick:
            log, of_panel = log.take(range(5)), [(3, 0)]
        rows[name] = [
            fit_panel(log, _PANELS[name], draws, seed, settings.quick) for draws, seed in of_panel
        ]
    electricity = rows["electricity"]
    figures = {f"yogurt.{row['draws']}": row["log_likelihood"] for row in rows["yogurt"]}
    figures |= {f"electricity.{row['seed']}": row["log_likelihood"] for row in electricity}
    figures["electricity.least_spread"] = min(
        np.abs(row["users.spread"]).min() for row in electricity
    )
    table = [("panel", "draws", "seed", "fresh", "climbed", "spreads", "ending", "CPU s")]
    for name, of_panel in rows.items():
        for row in of_panel:
            spreads = " ".join(f"{spread:.3f}" for spread in row["users.spread"])
            values = (f"{row[each]:.1f}" for each in ("log_likelihood", "climbed_log_likelihood"))
            draws, seconds = str(row["draws"]), f"{row['seconds']:.0f}"
            table.append((name, draws, str(row["seed"]), *values, spreads, row["ending"], seconds))
    title = "Log-likelihoods under fresh draws, and under those that the search climbed"
    bars = {f"electricity.{seed}": (_MAXIMUM - 6, _MAXIMUM + 6) for seed in _ELECTRICITY_SEEDS}
    notes = [text for of_panel in rows.values() for row in of_panel for text in row["told"]]
    figures, bars = (
        {f"panels.{name}": value for name, value in each.items()} for each in (figures, bars)
    )
    return section(settings, title, table, figures, bars, notes, {"rows": rows})
