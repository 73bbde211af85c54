"""The tables of measurements in README and docs, which `write_tables.py` writes.

A table has a label and a key for each row, and a text for each column. In the texts `@` stands for
the key of the row, and `{...}` for a figure:

    {PATH}                       a leaf of a result file, "speed_peers/figures/iev_vs_jax", with
                                 three significant digits, or with all digits before the point
    {PATH:.1f}                   with a format of Python
    {PATH / 1e6}                 divided
    {median PATH}                of all leaves that the path names, in which `*` is any part; also
                                 their "mean", the "error" of it, and the "largest" magnitude

A column whose text begins with "?" is empty in rows whose leaf is missing.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Table(NamedTuple):
    """The description of a table."""

    label: str  # the header of the labels; "|" separates several
    rows: Mapping[str, str]  # by the label of a row, its key
    columns: Mapping[str, str]  # by the header of a column, the text of its cells


_ENVIRONMENTS = (
    *("Conversation-v0", "DriftingTaste-v0", "Ecosystem-v0", "EngagementBait-v0", "Feed-v0"),
    *("InterestEvolution-v1", "InterestExploration-v1", "KeyTerms-v0", "LongTermSatisfaction-v1"),
    *("News-v0", "PageClicks-v0", "ReturnVisits-v0"),
)

_LEARNING = "speed_learning/details/learning/@/*"
_TRAINED = {
    "user steps a CPU second": "{speed_learning/figures/learning/@/user_steps_per_cpu_second:,.0f}",
    "start, CPU s": f"{{median {_LEARNING}/start_cpu_seconds:.1f}}",
    "return at the end": f"{{mean {_LEARNING}/return:.1f}}",
    "MB": f"{{median {_LEARNING}/peak_mb:,.0f}}",
}
_SIZES = ("16384", "131072", "1048576")
_CUDA = "accelerator_compile_cuda/details/compile/programs/cuda/rollout @"
_TPU = "accelerator_compile_tpu*/details/compile/programs/tpu/rollout @"
_AGENTS = "accelerator_compile_interest_evolution/details/compile/programs"
_INSTRUCTIONS = "{%s/step_instructions} ({%s/step_tiny})"
_PEERS = "{speed_peers/figures/@/%s/user_steps_per_cpu_second / 1e6:.2f}"
_CORES = "{speed_cores/figures/cores/@/%s/user_steps_per_second / 1e6:.2f}"

_SPEED = {
    "ratios": Table(
        "recsim_tf against",
        {
            "RecSim, interest evolution, large batches": "peers/figures/iev_vs_recsim",
            "RecSim, the same with 32 users": "peers/figures/iev32_vs_recsim",
            "RecSim, interest exploration": "peers/figures/InterestExploration-v1_vs_recsim",
            "RecSim, long-term satisfaction": "peers/figures/LongTermSatisfaction-v1_vs_recsim",
            "RecSim, SlateQ in training": "training/figures/slateq_vs_recsim",
            "RecSim, one-step SlateQ in training": "training/figures/slateq_one_step_vs_recsim",
            "RecSim, tabular Q in training": "training/figures/tabular_q_vs_recsim",
            "RecSim, full-slate Q in training": "training/figures/full_slate_q_vs_recsim",
            "JAX, idiomatic, each at its best batch size": "peers/figures/iev_vs_jax",
            "JAX, tuned": "peers/figures/iev_vs_jax_tuned",
            "JAX, idiomatic, SlateQ": "learning/figures/learning.vs_jax_idiomatic",
            "JAX, tuned, SlateQ": "learning/figures/learning.vs_jax_tuned",
            "JAX, idiomatic, REINFORCE": "learning/figures/learning.reinforce_vs_jax_idiomatic",
            "JAX, tuned, REINFORCE": "learning/figures/learning.reinforce_vs_jax",
            "RecSim NG, idiomatic, large batches": "peers/figures/iev_vs_recsim_ng",
            "RecSim NG, tuned": "peers/figures/iev_vs_recsim_ng_tuned",
        },
        {"times as fast": "{speed_@}"},
    ),
    "rates": Table(
        "interest evolution, 3 of 10",
        {
            "recsim_tf, XLA": "InterestEvolution-v1",
            "JAX, idiomatic": "jax/idiomatic",
            "JAX, tuned": "jax/tuned",
            "RecSim NG, idiomatic": "recsim_ng/idiomatic",
            "RecSim NG, tuned": "recsim_ng/tuned",
        },
        {
            "32 users": _PEERS % 32,
            "1,024 users": _PEERS % 1024,
            "16,384 users": _PEERS % 16384,
        },
    ),
    "learning": Table(
        "SlateQ, 1,000 iterations",
        {
            "recsim_tf, graph mode": "recsim_tf",
            "recsim_tf, XLA": "recsim_tf, XLA",
            "JAX, tuned": "JAX, tuned",
            "JAX, idiomatic": "JAX, idiomatic",
        },
        _TRAINED
        | {
            "training to a return of 270, CPU s": (
                f"{{median {_LEARNING}/reached/training_cpu_seconds:.2f}}"
            )
        },
    ),
    "learning_reinforce": Table(
        "REINFORCE, 150 iterations",
        {
            "recsim_tf, graph mode": "REINFORCE",
            "recsim_tf, XLA": "REINFORCE, XLA",
            "JAX, tuned": "REINFORCE in JAX, tuned",
            "JAX, idiomatic": "REINFORCE in JAX, idiomatic",
        },
        _TRAINED,
    ),
    "h100": Table(
        "H100, of a step",
        {name: name for name in _ENVIRONMENTS},
        {
            header: f"{{{_CUDA} {size}/{leaf}}}"
            for size, users in zip(_SIZES, ("2^14 users", "2^17", "2^20"), strict=True)
            for header, leaf in (
                (f"{users}: kernels", "step_instructions"),
                (f"{users}: µs", "step_microseconds"),
            )
        }
        | {"bytes a user": f"{{{_CUDA} 1048576/temporary_bytes / 1048576:,.0f}}"},
    ),
    "tpu": Table(
        "TPU v5e, of a step",
        {name: name for name in _ENVIRONMENTS},
        {
            header: f"?{{median {_TPU} {size}/{leaf}:,.0f}}"
            for size, users in zip(_SIZES, ("2^14 users", "2^17", "2^20"), strict=True)
            for header, leaf in (
                (f"{users}: thousands of cycles", "step_cycles / 1e3"),
                (f"{users}: MB", "step_padded_megabytes"),
            )
        }
        | {"bytes a user": f"?{{median {_TPU} 1048576/temporary_bytes / 1048576:,.0f}}"},
    ),
    "agents_on_accelerators": Table(
        "",
        {
            "a collected step of SlateQ, 2,048 users": "SlateQ_collect",
            "a collected step of REINFORCE, 256 users": "REINFORCE_collect",
            "a train step of SlateQ": "SlateQ_train",
            "a train step of REINFORCE": "REINFORCE_train",
        },
        {
            "H100": _INSTRUCTIONS % ((f"{_AGENTS}/cuda/@",) * 2),
            "TPU v5e": _INSTRUCTIONS % ((f"{_AGENTS}/tpu/@",) * 2),
        },
    ),
    "cores": Table(
        "",
        {
            "64 shards of 2,048 users, XLA": "two_cores",
            "an eager rollout of as many users, every draw kept": "two_cores_eager",
            "an evaluation of 5,000 users in 10 parts, graph mode": "two_cores_evaluate",
            "likelihood and gradient of 12,000 sessions, by 1,000, graph mode": "two_cores_fit",
            "512 shards of 2,048 users, XLA": "large",
            "one shard of an eighth as many users as 64 have, XLA": "best",
            "one shard of as many users as 64 have, XLA": "one shard",
        },
        {
            "one core": _CORES % "one",
            "two cores": "?" + _CORES % "two",
            "ratio": "?{speed_cores/figures/@:.2f}",
        },
    ),
    "first_call": Table(
        "",
        {name: name for name in _ENVIRONMENTS},
        {
            "graph mode": "{speed_first_call/figures/first_call_graph_s/@:.1f}",
            "XLA": "{speed_first_call/figures/first_call_s/@:.1f}",
        },
    ),
}

_CLICK_MODEL = "{fitting_click_models/rows/@/%s}"
_PAIR = "{fitting_click_models/rows/@/%s/0:.4f} / {fitting_click_models/rows/@/%s/1:.4f}"
_LOG = "fitting_log/details/log/rows/@"
_DEFAULT = "fitting_default/details/default/@"

_FITTING = {
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

_SESSIONS = {
    header: (
        f"{{ope_sessions/figures/sessions.{world}.@_error / 0.01:.1f}} / "
        f"{{ope_sessions/figures/sessions.{world}.@_coverage:.2f}}"
    )
    for header, world in (
        ("10 steps, x1.5", "ten"),
        ("10 steps, x3", "ten_sharper"),
        ("60 steps, x1.5", "sixty"),
        ("whole sessions", "whole"),
    )
}
_ONE_STEP = (
    "?{ope_one_step/figures/one_step.%s.@.error / 0.01:.1f} / "
    "{ope_one_step/figures/one_step.%s.@.bias / 0.01:+.1f}"
)
_SEEDS = "ope_sessions/figures/sessions.ten_sharper.@_error"
_VERDICT = "{verdicts_ope/figures/ope.@.%s:.2f}"
_SKDR = "?{judges_skdr_eval/figures/judges.skdr.@.%s:.2f}"

_OPE = {
    "ope_sessions": Table(
        "",
        {
            "`tis`, weights of whole sessions": "tis",
            "`ips` (PDIS)": "ips",
            "`snips`": "snips",
            "`dr`, right model": "dr_right",
            "`sndr`, wrong model": "sndr_wrong",
            "`simulated`, right model": "simulated_right",
            "`simulated`, wrong model": "simulated_wrong",
            "`calibrated`, right model": "calibrated_right",
            "`calibrated`, wrong model": "calibrated_wrong",
        },
        _SESSIONS,
    ),
    "ope_seeds": Table(
        "estimator",
        {
            "weights (`ips`)": "ips",
            "self-normalised (`snips`)": "snips",
            "a model that is 10 % off (`simulated`)": "simulated",
            "the same, `calibrated`": "calibrated",
        },
        {
            "median error, %": f"{{{_SEEDS}_median / 0.01:.1f}}",
            "range": f"{{{_SEEDS}_least / 0.01:.1f}} to {{{_SEEDS}_largest / 0.01:.1f}}",
        },
    ),
    "ope_one_step": Table(
        "",
        {
            f"`{name}`": name
            for name in (
                *("ips", "snips", "iips", "rips", "snrips", "set_ips", "snset_ips"),
                *("dr", "cascade_dr"),
            )
        },
        {
            header: _ONE_STEP % (world, world)
            for header, world in (
                ("multinomial", "multinomial"),
                ("cascade, one click", "cascade"),
                ("several clicks", "several_clicks"),
                ("independent", "independent"),
                ("multinomial, near greedy", "near_greedy"),
            )
        },
    ),
    "ope_pseudo_inverse": Table(
        "100 logs",
        {f"`{name}`": name for name in ("ips", "pi", "wpi", "pi_dr")},
        {
            header: _ONE_STEP % (world, world)
            for header, world in (
                ("multinomial", "multinomial_in_100_logs"),
                ("independent", "independent_in_100_logs"),
            )
        },
    ),
    "ope_cut": Table(
        "candidates | of 100 logs",
        {
            "ten of forty articles | mean error of the model, logging policy": "cut.model_error",
            "ten of forty articles | intervals of the gain that hold": "cut.gain_coverage",
            "ten results of a query | mean error of the model": "cut.candidates_error",
            "ten results of a query | intervals of the gain that hold": "cut.candidates_coverage",
            "all, users who come ten times | intervals of `snips` that hold": "users.coverage",
        },
        {"share": "{ope_cut/figures/@:.3f}"},
    ),
    "ope_clicks": Table(
        "figure",
        {
            "error of `cips` over that of the model, a little wrong": "cips_vs_direct",
            "the same in the worst world": "cips_vs_direct_worst",
            "error of `cdr` over that of the model, documents that the log lacks": (
                "support.cdr_vs_direct"
            ),
            "intervals that hold where `cips` is believed": "coverage",
            "the same share in the worst world": "coverage_worst",
            "wrong positions that the log contradicts": "contradicted",
            "false alarms": "false_alarms",
        },
        {"value": "{ope_clicks/figures/clicks.@:.2f}"},
    ),
    "verdicts": Table(
        "logs of 1,000 sessions",
        {
            "`snips`, one step, a sharper policy": "sharper.snips",
            "items beside others": "neighbours.snips",
            "`snips`, 10 steps, with departures": "10 steps.snips",
            "hidden types": "types.snips",
            "moods that slates change": "moods.snips",
            "`snips`, 20 steps": "20 steps.snips",
            "the same, sharper": "20 steps, sharper.snips",
            "rare clicks": "rare clicks.snips",
            "3 % of slates never logged, without `logging=`": "3% never logged.snips",
            "propensities wrong at one of 10 steps": "10 steps, wrong at one.snips",
            "`calibrated`, right model, near policy": "right model.calibrated",
            "the same, a sharp policy": "right, sharp policy.calibrated",
            "fitted to the log": "fitted to the log.calibrated",
            "9 % more clicks": "9% more clicks.calibrated",
            "half of the slope, near policy": "half of the slope.calibrated",
        },
        {
            "believed": _VERDICT % "believed",
            "value held": _VERDICT % "value",
            "gain held": _VERDICT % "gain",
        },
    ),
    "judges": Table(
        "judge",
        {
            "Gymnasium, `check_env`": "judges/details/gymnasium/verdicts/0",
            "Stable-Baselines3, `check_env`": "judges/details/sb3/verdicts/0",
            "Stable-Baselines3, agents": "judges/details/agents/verdicts/0",
            "TF-Agents, `validate_py_environment` and driver": (
                "judges/details/tf_agents/verdicts/0"
            ),
            "TF-Agents, agents": "judges/details/agents/verdicts/1",
            "CleanRL, `ppo.py`": "judges/details/agents/verdicts/2",
            "Minari": "judges/details/files/verdicts/0",
            "RLDS": "judges/details/files/verdicts/1",
            "obp, estimators": "judges/details/obp/verdicts/0",
            "obp, tests": "judges/details/obp/verdicts/1",
            "RecSim, tests of choice models": "judges/details/recsim/verdicts/0",
            "RecSim NG, tests of affinities, selectors and dynamics": (
                "judges/details/recsim/verdicts/1"
            ),
            "skdr-eval, tests of recovery and coverage": (
                "judges_skdr_eval/details/skdr_eval/verdicts/0"
            ),
        },
        {"version": "{@/1}", "verdict": "{@/2}"},
    ),
    "judges_skdr_eval": Table(
        "logs | tool",
        {
            f"{logs} | {tool}": f"{key}.{tool}"
            for logs, key in (
                ("200 of one step", "one step"),
                ("200 of 10 steps", "10 steps"),
                ("40 of one step, 120 slates", "120 slates"),
            )
            for tool in ("recsim_tf", "skdr-eval", "skdr-eval, command")
        },
        {
            "believed": _SKDR % "believed",
            "value held": _SKDR % "believed_held",
            "deployed": _SKDR % "deployed",
            "value held of the deployed": _SKDR % "deployed_value_held",
            "gain held of the deployed": _SKDR % "deployed_gain_held",
            "right deploys": _SKDR % "right_deploys",
            "wrong deploys": _SKDR % "wrong_deploys",
        },
    ),
}

_SIZE = "slateq_sizes/figures/@"
_RETURN = f"{{{_SIZE}/return:.1f}} ± {{error slateq_sizes/returns/@/*:.1f}}"

_RETURNS = {
    "sizes": Table(
        "",
        {
            name.replace("_", " "): name
            for name in ("2_of_10", "3_of_10", "3_of_20", "5_of_20", "3_of_50", "10_of_200")
        },
        {
            "SlateQ": _RETURN,
            "oracle": f"{{{_SIZE}/oracle:.1f}}",
            "part of it, %": f"{{{_SIZE} / 0.01:.1f}}",
            "at a price of": f"{{{_SIZE}/price:.1f}}",
            "a price for each user": f"{{{_SIZE}/own_prices:.1f}}",
            "Random": f"{{{_SIZE}/random:.1f}}",
        },
    ),
    "quickstart": Table(
        "slates",
        {"3 of 10": "3_of_10", "3 of 50": "3_of_50"},
        {
            "Random": f"{{{_SIZE}/random:.1f}}",
            "SlateQ": _RETURN,
            "Oracle: knows the topics' mean qualities": f"{{{_SIZE}/oracle:.1f}}",
        },
    ),
}

# By the name that stands in the comment of a page.
TABLES: dict[str, Table] = _SPEED | _FITTING | _OPE | _RETURNS
