"""The plot of the speed report."""

from typing import Any

from speeds.common import MODES, SLATE_SIZES

_STYLES = {"graph": ":", "xla": "-"}
_PEERS = {
    "jax/idiomatic": "JAX, idiomatic",
    "jax/tuned": "JAX, tuned",
    "recsim_ng/idiomatic": "RecSim NG, idiomatic",
}


def draw(figures: dict[str, float], path: str) -> None:
    """Writes a PNG: simulation by batch size, with the peers of interest evolution."""
    from recsim_tf.support import plots

    with plots.figure(path, (9.0, 5.0)) as axes:
        for index, environment in enumerate(SLATE_SIZES):
            colour = f"C{index}"
            for mode in MODES:
                _line(
                    axes,
                    figures,
                    f"{environment}/{mode}/",
                    f"{environment}, {mode}",
                    color=colour,
                    linestyle=_STYLES[mode],
                )
            recsim = figures.get(f"{environment}/recsim/user_steps_per_cpu_second")
            if recsim:
                axes.plot([1], [recsim], "x", color=colour, label=f"{environment}, RecSim")
        for index, (prefix, label) in enumerate(_PEERS.items()):
            _line(
                axes,
                figures,
                f"{prefix}/",
                label,
                color="0.35",
                marker="os^"[index],
                linestyle="--",
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="users",
            ylabel="user-steps per CPU second",
            title="Random slates, one core",
        )
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def _line(axes: Any, figures: dict[str, float], prefix: str, label: str, **style) -> None:
    suffix = "/user_steps_per_cpu_second"
    names = [
        name[len(prefix) : -len(suffix)]
        for name in figures
        if name.startswith(prefix) and name.endswith(suffix)
    ]
    users = sorted(int(name) for name in names if name.isdigit())
    if users:
        axes.plot(
            users,
            [figures[f"{prefix}{size}{suffix}"] for size in users],
            label=label,
            **{"marker": ".", **style},
        )
