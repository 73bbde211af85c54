"""The card of a saved model, for people: what the model is, which data it was fitted to, how, and
how well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.support.tables import markdown_table

# Tables with more elements are summarised in one row.
_MAX_ROWS = 24
_NOT_STATED = "Not stated."
_INTRODUCTION = """\
A simulator of users of a recommender system, fitted to logged sessions. This folder holds its
models, their parameters and the uncertainty of these; it holds no session of the log."""
_USE = """\
In Python:

```python
from recsim_tf.fitting import load_model

simulator = load_model("path/of/this/folder").simulator
state = simulator.reset(num_users=1000, seed=0)
```

In a gin file:

```
experiment.simulator = @load_simulator()
load_simulator.folder = "path/of/this/folder"
```"""
_NONE = "-"

Figures = Mapping[str, str | float | int | bool | None]


def figures(argument: str, values: Mapping[str, Any] | None) -> dict[str, str | float | int | bool]:
    """A mapping of names to single figures or short texts, as JSON can hold it. Raises a ValueError
    for anything that could be a row of the log: arrays, lists, texts of several lines.
    """
    found = {}
    for name, value in (values or {}).items():
        if isinstance(value, np.ndarray | np.generic) and np.ndim(value) == 0:
            value = value.item()
        if not isinstance(value, (str, bool, int, float)) or "\n" in f"{name}{value}":
            raise ValueError(
                f"{argument}[{name!r}] must be a number or a text of one line, got"
                f" {type(value).__name__} {str(value)[:40]!r}"
            )
        is_number = not isinstance(value, float) or np.isfinite(value)
        found[str(name)] = value if is_number else str(value)
    return found


def model_card(
    metadata: Mapping[str, Any],
    result: FitResult,
    modules: Sequence[str] = (),
    intended_use: str = "",
    limits: str = "",
    licence: str = "",
) -> str:
    """Markdown, from the metadata of `model.json`, the result of `fit`, the modules that
    a user of the model must trust, and the texts of some sections.
    """
    users, documents = result.simulator.users, result.simulator.documents
    trust = (
        f"The model names {', '.join(modules)}: pass `imports={tuple(modules)}`, in a gin file to"
        " `load_simulator`, if you trust them."
    )
    sections = {
        "Use": f"{_USE}\n\n{trust}" if modules else _USE,
        "Model": f"{_figures(metadata['model'])}\n\n```\n{users}\n{documents}\n```",
        "Data": _figures(metadata["data"]),
        "Fit": _figures(metadata["fit"]),
        "Parameters": _parameters(result.estimates, result.not_identified),
        "Checks": _figures(metadata["checks"]),
        "Intended use": intended_use.strip() or _NOT_STATED,
        "Limits": limits.strip() or _NOT_STATED,
        "Licence of the data": licence.strip() or _NOT_STATED,
    }
    return "\n\n".join(
        [
            f"# {metadata['title']}",
            *([] if result.converged else [f"**The fit {result.ending}.**"]),
            _INTRODUCTION,
            *(f"## {title}\n\n{text}" for title, text in sections.items()),
            "",
        ]
    )


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
        columns = [np.asarray(column) for column in estimate]
        value, error, *_ = columns
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
                texts[1] = "not identified"
            rows.append((element(name, index), *texts))
    return markdown_table(rows)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if np.isfinite(value) else _NONE
