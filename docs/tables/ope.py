# SPDX-License-Identifier: Apache-2.0
"""Tables of estimates of a policy's value, and of judges."""

from tables.table import Table

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

OPE = {
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
            "rejax, PPO": "judges_trainers/details/rejax/verdicts/0",
            "PureJaxRL, `dqn.py`": "judges_trainers/details/purejaxrl/verdicts/0",
            "PureJaxRL, `ppo.py`": "judges_trainers/details/purejaxrl/verdicts/1",
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
