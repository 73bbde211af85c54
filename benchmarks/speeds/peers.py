"""Simulation against peers, which take turns on one core: figures are ratios of medians over the
rounds.

Of JAX and RecSim NG there are two programs each, see `peers`: "idiomatic", as a user of that
library writes it from its documentation, with which the ratios without a suffix are; and "tuned",
with every trick of recsim_tf that the library allows.
"""

import statistics
from typing import Any

import processes
from speeds.common import NUM_CANDIDATES, RECSIM_SLATE_SIZES, Section, Settings, simulate

from recsim_tf.support.tables import text_table

_EVOLUTION = "InterestEvolution-v1"
_USERS = {False: (32, 1024, 16384), True: (2, 4)}
_SECONDS = {False: {"recsim": 8.0, "others": 2.0}, True: {"recsim": 0.1, "others": 0.0}}
_QUICK = {"user_steps": 64, "min_steps": 2, "max_steps": 4}
_STYLES = ("idiomatic", "tuned")


def measure(settings: Settings) -> Section:
    small, large = _USERS[settings.quick][0], _USERS[settings.quick][-1]
    rates: dict[str, list[float]] = {}
    details: dict[str, Any] = {}
    lines: list[str] = []

    def note(name, rate):
        rates.setdefault(name, []).append(rate)

    for number in range(settings.rounds):
        for environment, slate_size in RECSIM_SLATE_SIZES.items():
            users = _USERS[settings.quick] if environment == _EVOLUTION else [large]
            for size, measured in simulate(settings, environment, users, "xla")["rates"].items():
                note(f"{environment}/{size}", measured["user_steps_per_cpu_second"])
            slates = {"slate_size": slate_size, "num_candidates": NUM_CANDIDATES}
            seconds = _SECONDS[settings.quick]
            recsim, line = processes.run_recsim(
                settings.recsim,
                "recsim_simulation.py",
                environment=environment,
                seconds=seconds["recsim"],
                **slates,
            )
            lines += [line] if number == 0 and not recsim and environment == _EVOLUTION else []
            if recsim:
                note(f"{environment}/recsim", recsim["steps_per_cpu_second"])
                details.setdefault(f"{environment}/recsim", []).append(recsim)
            if environment == _EVOLUTION:
                for peer, python, name in (
                    ("jax", settings.jax, "JAX"),
                    ("recsim_ng", settings.recsim_ng, "RecSim NG"),
                ):
                    for style in _STYLES:
                        arguments = {
                            **slates,
                            "style": style,
                            "users": ",".join(map(str, users)),
                            "seconds": seconds["others"],
                        }
                        arguments |= _QUICK if settings.quick else {}
                        flag = f"{peer.replace('_', '-')}-python"
                        measured, line = processes.run_peer(
                            name, flag, python, f"{peer}_simulation.py", **arguments
                        )
                        lines += [line] if number == 0 and line and style == _STYLES[0] else []
                        if measured:
                            details.setdefault(f"{peer}/{style}", []).append(measured)
                            for size, rates_of_peer in measured["rates"].items():
                                note(
                                    f"{peer}/{style}/{size}",
                                    rates_of_peer["user_steps_per_cpu_second"],
                                )
    medians = {name: statistics.median(values) for name, values in rates.items()}
    details["rates"] = rates
    return Section(_ratios(medians, small, large), details, [*_table(medians, settings), *lines])


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
        for environment in RECSIM_SLATE_SIZES:
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


def _table(medians: dict[str, float], settings: Settings) -> list[str]:
    sizes = _USERS[settings.quick]
    table = [("", *(f"{size:,} users" for size in sizes))]
    for environment, slate_size in RECSIM_SLATE_SIZES.items():
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
    title = (
        "Millions of user-steps per CPU second, one core, random slates, median of"
        f" {settings.rounds} rounds in turns"
    )
    return [title, *text_table(table).splitlines()]


_NAMES = {"jax": "JAX", "recsim_ng": "RecSim NG"}
