"""The card of a saved model, for people: what the model is, which data it was fitted to, how, and
how well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.tables import markdown_table

# Tables with more elements are summarised in one row.
_MAX_ROWS = 24
_NOT_STATED = "Not stated."
_NONE = "-"
_NOT_IDENTIFIED = "not identified"

Figures = Mapping[str, str | float | int | bool | None]


def figures(argument: str, values: Mapping[str, Any] | None) -> dict[str, str | float | int | bool]:
    """A mapping of names to single figures or short texts, as JSON can hold it.

    Raises:
      ValueError: for anything that could be a row of the log: arrays, lists, texts of several
        lines.
    """
    found = {}
    for name, value in (values or {}).items():
        value = (
            value.item()
            if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
            else value
        )
        if not isinstance(value, (str, bool, int, float)) or "\n" in f"{name}{value}":
            raise ValueError(
                f"{argument}[{name!r}] must be a number or a text of one line, got"
                f" {type(value).__name__} {str(value)[:40]!r}"
            )
        found[str(name)] = (
            str(value) if isinstance(value, float) and not np.isfinite(value) else value
        )
    return found


def model_card(
    metadata: Mapping[str, Any],
    estimates: Mapping[str, ParameterEstimate],
    not_identified: Mapping[str, np.ndarray],
    config: str,
    intended_use: str = "",
    limits: str = "",
    licence: str = "",
) -> str:
    """Markdown.

    Args:
      metadata: of the model, as `model.json` holds it.
      estimates, not_identified: of `FitResult`.
      config: gin text.
      intended_use, limits, licence: texts of their sections.
    """
    return (
        "\n\n".join(
            [
                f"# {metadata['title']}",
                *_warnings(metadata["fit"]),
                (
                    "A simulator of users of a recommender system, fitted to logged sessions. This"
                    " folder holds its parameters, their uncertainty and the configuration that"
                    " builds it; it holds no session of the log."
                ),
                "## Use",
                "In Python:",
                (
                    "```python\nfrom recsim_tf.fitting import load_model\n\nsimulator ="
                    ' load_model("path/of/this/folder").simulator\nstate ='
                    " simulator.reset(num_users=1000, seed=0)\n```"
                ),
                "In a gin file:",
                (
                    "```\nexperiment.simulator = @load_simulator()\nload_simulator.folder ="
                    ' "path/of/this/folder"\n```'
                ),
                *_needed_imports(metadata["model"]),
                "## Model",
                _figures(metadata["model"]),
                "`config.gin`, with the values before the fit:",
                f"```\n{config.strip()}\n```",
                "## Data",
                _figures(metadata["data"]),
                "## Fit",
                _figures(metadata["fit"]),
                "## Parameters",
                _parameters(estimates, not_identified),
                "## Checks",
                _figures(metadata["checks"]),
                "## Intended use",
                intended_use.strip() or _NOT_STATED,
                "## Limits",
                limits.strip() or _NOT_STATED,
                "## Licence of the data",
                licence.strip() or _NOT_STATED,
            ]
        )
        + "\n"
    )


def _needed_imports(model: Figures) -> list[str]:
    modules = model.get("modules that it imports")
    if not isinstance(modules, str):
        return []
    packages = dict.fromkeys(module.partition(".")[0] for module in modules.split(", "))
    return [
        f"Loading imports modules of the model's own: pass `imports={tuple(packages)}`, in a gin"
        " file to `load_simulator`, if you trust them."
    ]


def _warnings(fit: Figures) -> list[str]:
    if fit["diverged"]:
        return ["**The fit diverged: these are the last finite parameters.**"]
    if fit["stopped early"]:
        return ["**The fit stopped early, when the held-out likelihood rose no more.**"]
    return [] if fit["converged"] else ["**The fit had not converged when it stopped.**"]


def _figures(values: Figures) -> str:
    return (
        markdown_table([("", ""), *((name, _text(value)) for name, value in values.items())])
        if values
        else _NOT_STATED
    )


def _parameters(
    estimates: Mapping[str, ParameterEstimate], not_identified: Mapping[str, np.ndarray]
) -> str:
    rows: list[Sequence[str]] = [("parameter", "value", "standard error", "interval from", "to")]
    for name, estimate in estimates.items():
        columns = [
            np.asarray(column)
            for column in (estimate.value, estimate.standard_error, estimate.low, estimate.high)
        ]
        value, error = columns[:2]
        if value.size > _MAX_ROWS:
            summary = (
                f"mean {_text(value.mean())}, standard deviation {_text(value.std())},"
                f" {_text(value.min())} to {_text(value.max())}"
            )
            typical = f"median {_text(np.nanmedian(error))}" if np.isfinite(error).any() else _NONE
            rows.append((f"{name} {list(value.shape)}", summary, typical, _NONE, _NONE))
            continue
        unknown = not_identified.get(name, np.zeros(value.shape, bool))
        for index in np.ndindex(value.shape):
            texts = [_text(column[index]) for column in columns]
            if unknown[index]:
                texts[1] = _NOT_IDENTIFIED
            rows.append((element(name, index), *texts))
    return markdown_table(rows)


def _text(value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or np.isfinite(value):
        return (
            value
            if isinstance(value, str)
            else f"{value:,}"
            if isinstance(value, int)
            else f"{value:.6g}"
        )
    return _NONE
