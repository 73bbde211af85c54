# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from tests.benchmarks.runs import quick_section

SECTIONS = {
    "cut": ["cut.model_error", "cut.gain_coverage", "cut.candidates_error", "users.coverage"],
    "clicks": ["clicks.cips_vs_direct", "clicks.cdr_vs_direct", "clicks.contradicted"],
    "one_step": [
        "one_step.cascade.rips_vs_ips",
        "one_step.several_clicks.cascade_dr_vs_rips",
        "one_step.near_greedy.set_vs_ips",
        "one_step.coverage.least",
        "one_step.contradictions",
    ],
    "speed": [
        "speed.slate_weights",
        "speed.marginals_3_of_10",
        "speed.marginals_10_of_100",
        "speed.long_sessions_s",
        "speed.policies_s",
    ],
}


def of_clicks(figures, details):
    """The model's own value of the new ranking is within 10 % of the truth, where it is right."""
    errors = {name: np.divide(row["direct"], row["truth"]) - 1 for name, row in details.items()}
    assert np.abs(errors["pbm, fitted"]).max() < 0.1
    assert np.abs(errors["pbm, shrunk"]).min() > 0.02


def of_one_step(figures, details):
    """Figures of a world are ratios of its estimators. Three logs have coverages of thirds."""

    def error(world, estimator):
        return figures[f"one_step.{world}.{estimator}.error"]

    for name, world, first, second in (
        ("cascade.rips_vs_ips", "cascade", "rips", "ips"),
        ("several_clicks.cascade_dr_vs_rips", "several_clicks", "cascade_dr", "rips"),
        ("near_greedy.set_vs_ips", "near_greedy", "snset_ips", "snips"),
    ):
        assert figures[f"one_step.{name}"] == error(world, first) / error(world, second)
    for name, value in figures.items():
        if name.count(".") == 3:
            bias, spread = (
                figures[name.rpartition(".")[0] + f".{each}"] for each in ("bias", "bias_error")
            )
            if name.endswith(".error"):
                # Of three logs: the mean square is that of the bias and of the variance.
                assert value**2 == pytest.approx(bias**2 + 2 * spread**2)
            if name.endswith(".coverage"):
                assert round(3 * value, 6) in range(4)


CHECKS = {"clicks": of_clicks, "one_step": of_one_step}


@pytest.mark.parametrize(
    "section",
    [
        *(pytest.param(section, marks=pytest.mark.long) for section in ("cut", "one_step")),
        *("clicks", "speed"),
    ],
)
def test_a_quick_section_gives_its_figures(section):
    figures, details = quick_section(f"off_policy.{section}.measure")
    assert np.isfinite([figures[name] for name in SECTIONS[section]]).all()
    if check := CHECKS.get(section):
        check(figures, details)
