# SPDX-License-Identifier: Apache-2.0
"""Tables of fits to logs, and of what a validation finds."""

from tables.table import Table

_CLICK_MODEL = "{fitting_click_models/rows/@/%s}"
_PAIR = "{fitting_click_models/rows/@/%s/0:.4f} / {fitting_click_models/rows/@/%s/1:.4f}"
_LOG = "fitting_log/details/log/rows/@"
_DEFAULT = "fitting_default/details/default/@"

FITTING = {
    "click_models": Table(
        "model",
        {
            "GCTR, one rate": "gctr",
            "RCTR, by rank": "rctr",
            "DCTR, by document": "dctr",
            "PBM": "pbm",
            "DCM": "dcm",
            "SDBN": "sdbn",
            "CCM": "ccm",
            "DBN": "dbn",
            "**UBM**": "ubm",
        },
        {
            "log-likelihood, nats a rank": _CLICK_MODEL % "log_likelihood:.4f",
            "training": _CLICK_MODEL % "training:.4f",
            "perplexity, mean over ranks / pooled": _PAIR % (("perplexity",) * 2),
            "conditional perplexity": _PAIR % (("conditional",) * 2),
            "CPU seconds": _CLICK_MODEL % "seconds:.0f",
        },
    ),
    "fits_of_a_table": Table(
        "fit | taste",
        {
            "`Draws(100)` | stays": "Draws",
            "`MeanField()` | stays": "MeanField",
            "`Chains(2)` | drifts": "Chains",
            "`Particles(16, Draws(30))` | drifts": "Particles",
            "wrong: the taste stays | drifts": "without drift",
            "wrong, too: a cascade | drifts": "cascade",
        },
        {
            "largest z of all parameters": f"{{largest {_LOG}/z_scores/*:.1f}}",
            "next visit, nats beyond popularity": (
                f"{{{_LOG}/gains/next/value:.3f}} ± {{{_LOG}/gains/next/standard_error:.3f}}"
            ),
            "new readers": (
                f"{{{_LOG}/gains/new/value:.3f}} ± {{{_LOG}/gains/new/standard_error:.3f}}"
            ),
            "calibration error of minutes (noise)": (
                f"{{{_LOG}/minutes/next/0:.2f}} ({{{_LOG}/minutes/next/1:.2f}})"
            ),
            "CPU s": f"{{{_LOG}/cpu_seconds:.0f}}",
        },
    ),
    "fits_by_default": Table(
        "world | sessions",
        {
            f"{world} | {sessions:,}": f"{world}, {sessions} sessions"
            for world in ("tastes", "choice", "dwell", "leaving")
            for sessions in (300, 3000)
        },
        {
            "nodes": f"{{{_DEFAULT}/method}}",
            "largest mean z of a spread, either way": f"{{largest {_DEFAULT}/mean z/*spread:.2f}}",
            "coverage of 95 % intervals": f"{{{_DEFAULT}/coverage:.3f}}",
            "CPU s": f"{{{_DEFAULT}/cpu_seconds:.1f}}",
        },
    ),
    "validation": Table(
        "the simulator lacks | found by",
        {
            "the effect of positions | predicts, looks alike": "no position effect",
            "the second class of users | predicts, the classifier": "no second class",
            "users who learn | looks alike": "users who learn",
            "departures that depend on a run without clicks | looks alike": "constant departures",
            "an appeal of documents that turns in time | generalises": "appeal turns round",
            "how users differ | predicts, the classifier": "no users",
            "the hour that is told | predicts": "no context",
            "the memory | looks alike": "no memory",
            "a tenth of the clicks | looks alike": "10 % more clicks",
            "half of the departures | looks alike": "departures halved",
            "the right items: they are mistaken for others | predicts": "items permuted",
        },
        {"share of logs": "{verdicts_validate/figures/validate.power.@:.2f}"},
    ),
    "worlds_from_logs": Table(
        "log | figure",
        {
            "KuaiRand | nats an impression, later days": "feed/figures/feed.later_days",
            "KuaiRand | nats an impression, other users": "feed/figures/feed.other_users",
            "KuaiRand | nats beyond boosting with order, at most": "feed/figures/feed.boosting",
            "KuaiRand | gain of knowing the user, at least": "feed/figures/feed.gain_user",
            "KuaiRand | gain of order, later days": "feed/figures/feed.gain_order",
            "KuaiRand | the same, shuffled": "feed/figures/feed.gain_shuffled",
            "yogurt | nats a purchase, other households": "shelf/figures/shelf.yogurt",
            "yogurt | gain of order there": "shelf/figures/shelf.yogurt_gain",
            "yogurt | gain of order in training": "shelf/figures/shelf.train_gain",
            "yogurt | the same, shuffled": "shelf/figures/shelf.train_gain_shuffled",
            "margarine | gain of order in training": "shelf/figures/shelf.margarine_gain",
            "margarine | the same, shuffled": "shelf/figures/shelf.margarine_gain_shuffled",
            "Ta-Feng | nats a visit, other customers": "returns/figures/returns.nats",
            "Ta-Feng | gain over log-normal gaps": "returns/figures/returns.log_normal",
        },
        {"nats": "{fitting_@}"},
    ),
}
