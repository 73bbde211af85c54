# SPDX-License-Identifier: Apache-2.0
"""Simulation against peers, which take turns on one core: figures are ratios of medians over the
rounds.

Of JAX and RecSim NG there are two programs each, see `peers`: "idiomatic", as a user of that
library writes it from its documentation, with which the ratios without a suffix are; and "tuned",
with every trick of recsim_tf that the library allows.
"""

import itertools
import math
import statistics
from typing import Any

import processes
from sections import Section, Settings, section
from speeds.common import NUM_CANDIDATES, SLATE_SIZES, simulate

_EVOLUTION = "InterestEvolution-v1"
_USERS = {False: (32, 1024, 16384), True: (2, 4)}
_SECONDS = {False: {"recsim": 8.0, "others": 2.0}, True: {"recsim": 0.1, "others": 0.0}}
_QUICK = {"user_steps": 64, "min_steps": 2, "max_steps": 4}
_STYLES = ("idiomatic", "tuned")
# The least that is asked of ratios.
_ASKED = {
    "iev_vs_recsim": 1500,
    "iev32_vs_recsim": 600,
    "iev_vs_jax": 12,
    "iev_vs_jax_tuned": 4,
    "iev_vs_recsim_ng": 3,
    "InterestExploration-v1_vs_recsim": 300,
    "LongTermSatisfaction-v1_vs_recsim": 300,
}
# The peers that have programs of interest evolution, by the names of their settings.
_NAMES = {"jax": "JAX", "recsim_ng": "RecSim NG"}


def measure(settings: Settings) -> Section:
    """The `..._vs_...` figures are ratios of rates; those to JAX are of each at its best batch."""
    small, large = _USERS[settings.quick][0], _USERS[settings.quick][-1]
    rates: dict[str, list[float]] = {}
    details: dict[str, Any] = {}
    lines: list[str] = []
    for _ in range(settings.rounds):
        for environment in SLATE_SIZES:
            users = _USERS[settings.quick] if environment == _EVOLUTION else [large]
            for size, result in simulate(settings, environment, users, "xla")["rates"].items():
                name = f"{environment}/{size}"
                rates.setdefault(name, []).append(result["user_steps_per_cpu_second"])
            recsim, line = _recsim(settings, environment)
            if recsim:
                rates.setdefault(f"{environment}/recsim", []).append(recsim["steps_per_cpu_second"])
                details.setdefault(f"{environment}/recsim", []).append(recsim)
            else:
                lines.append(line)
            # Right after the rates with which they are compared.
            peers = itertools.product(_NAMES, _STYLES) if environment == _EVOLUTION else ()
            for peer, style in peers:
                program, line = _program(settings, peer, style)
                if not program:
                    lines.append(line)
                    continue
                details.setdefault(f"{peer}/{style}", []).append(program)
                for size, result in program["rates"].items():
                    name = f"{peer}/{style}/{size}"
                    rates.setdefault(name, []).append(result["user_steps_per_cpu_second"])
    medians = {name: statistics.median(values) for name, values in rates.items()}
    details["rates"] = rates
    title = (
        "Millions of user-steps per CPU second, one core, random slates, median of"
        f" {settings.rounds} rounds in turns"
    )
    figures, notes = _ratios(medians, small, large), list(dict.fromkeys(lines))
    bars = {name: (least, math.inf) for name, least in _ASKED.items()}
    return section(settings, title, _table(medians, settings), figures, bars, notes, details)


def _recsim(settings: Settings, environment: str) -> tuple[dict[str, Any] | None, str]:
    """The figures of RecSim's environment, or None and a line that says why there are none."""
    return processes.run_recsim(
        settings.recsim_python,
        environment=environment,
        seconds=_SECONDS[settings.quick]["recsim"],
        slate_size=SLATE_SIZES[environment],
        num_candidates=NUM_CANDIDATES,
    )


def _program(settings: Settings, peer: str, style: str) -> tuple[dict[str, Any] | None, str]:
    """The figures of a peer's program of interest evolution, or None and a line that says why there
    are none.
    """
    return processes.run_peer(
        _NAMES[peer],
        f"{peer.replace('_', '-')}-python",
        getattr(settings, f"{peer}_python"),
        f"{peer}_simulation.py",
        style=style,
        users=",".join(map(str, _USERS[settings.quick])),
        seconds=_SECONDS[settings.quick]["others"],
        slate_size=SLATE_SIZES[_EVOLUTION],
        num_candidates=NUM_CANDIDATES,
        **(_QUICK if settings.quick else {}),
    )


def _ratios(medians: dict[str, float], small: int, large: int) -> dict[str, float]:
    figures = {f"{name}/user_steps_per_cpu_second": rate for name, rate in medians.items()}

    def best(prefix):
        return max(
            (
                rate
                for name, rate in medians.items()
                if name.startswith(prefix) and name[len(prefix) :].isdigit()
            ),
            default=0,
        )

    recsim = medians.get(f"{_EVOLUTION}/recsim")
    if recsim:
        figures["iev_vs_recsim"] = medians[f"{_EVOLUTION}/{large}"] / recsim
        figures["iev32_vs_recsim"] = medians[f"{_EVOLUTION}/{small}"] / recsim
        for environment in SLATE_SIZES:
            if environment != _EVOLUTION:
                figures[f"{environment}_vs_recsim"] = (
                    medians[f"{environment}/{large}"] / medians[f"{environment}/recsim"]
                )
    for style, suffix in zip(_STYLES, ("", "_tuned"), strict=True):
        if best(f"jax/{style}/"):
            figures[f"iev_vs_jax{suffix}"] = best(f"{_EVOLUTION}/") / best(f"jax/{style}/")
        if f"recsim_ng/{style}/{large}" in medians:
            figures[f"iev_vs_recsim_ng{suffix}"] = (
                medians[f"{_EVOLUTION}/{large}"] / medians[f"recsim_ng/{style}/{large}"]
            )
    return figures


def _table(medians: dict[str, float], settings: Settings) -> list[tuple[str, ...]]:
    sizes = _USERS[settings.quick]
    table = [("", *(f"{size:,} users" for size in sizes))]
    for environment, slate_size in SLATE_SIZES.items():
        rows = [(f"{environment}, {slate_size} of {NUM_CANDIDATES}", environment)]
        if environment == _EVOLUTION:
            rows += [
                (f"  {name}, {style}", f"{peer}/{style}")
                for peer, name in _NAMES.items()
                for style in _STYLES
            ]
        for title, prefix in rows:
            cells = [medians.get(f"{prefix}/{size}") for size in sizes]
            if any(cells):
                texts = (f"{cell / 1e6:.2f}" if cell else "" for cell in cells)
                table.append((title, *texts))
        if f"{environment}/recsim" in medians:
            rate = f"{medians[f'{environment}/recsim'] / 1e6:.4f}"
            table.append(("  RecSim, one user", rate, *[""] * (len(sizes) - 1)))
    return table
