# SPDX-License-Identifier: Apache-2.0
"""The card of a saved model, for people: the model, its data, the fit, and its quality."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.fitting.estimates import estimate_rows
from recsim_tf.fitting.fit import FitResult
from recsim_tf.support.errors import printable_lines
from recsim_tf.support.tables import markdown_table, number

CARD = "MODEL_CARD.md"
_NOT_STATED = "Not stated."
_VALIDATION = "## Validation"
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
Evaluation.fitted = @FittedModel()
FittedModel.folder = "path/of/this/folder"
```

The last two lines give returns an interval with the uncertainty of the parameters."""


def figures(argument: str, values: Mapping[str, Any] | None) -> dict[str, str | float | int | bool]:
    """A mapping of names to single figures or short texts, as JSON can hold it. Raises a ValueError
    for anything that could be a row of the log: arrays, lists, texts of several lines.
    """
    plain = {}
    for name, value in (values or {}).items():
        if isinstance(value, np.ndarray | np.generic) and np.ndim(value) == 0:
            value = value.item()
        if not isinstance(value, (str, bool, int, float)) or "\n" in f"{name}{value}":
            raise ValueError(
                f"{argument}[{name!r}] must be a number or a text of one line, got"
                f" {type(value).__name__} {str(value)[:40]!r}"
            )
        is_number = not isinstance(value, float) or np.isfinite(value)
        plain[str(name)] = value if is_number else str(value)
    return plain


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
        "Parameters": _parameters(result),
        "Checks": _figures(metadata["checks"]),
        "Intended use": _plain(intended_use.strip()) or _NOT_STATED,
        "Limits": _plain(limits.strip()) or _NOT_STATED,
        "Licence of the data": _plain(licence.strip()) or _NOT_STATED,
    }
    return "\n\n".join(
        [
            f"# {_plain(metadata['title'])}",
            *([] if result.converged else [f"**The fit {result.ending}.**"]),
            _INTRODUCTION,
            *(f"## {title}\n\n{text}" for title, text in sections.items()),
            "",
        ]
    )


def with_findings(card: str, findings: Sequence[Mapping[str, str]]) -> str:
    """The card with these answers of a validation in the place of earlier answers.

    Args:
      card: the text from `model_card`.
      findings: the question, the verdict and the sentence of each answer, by these names.
    """
    lines = [
        f"- {finding['question']} {finding['verdict'].capitalize()}. {_plain(finding['sentence'])}"
        for finding in findings
    ]
    text = card.partition(_VALIDATION)[0].rstrip("\n")
    return "\n".join([text, "", _VALIDATION, "", *lines, ""])


def _plain(text: str) -> str:
    """A text without tags, which viewers of Markdown may take for HTML, and in which control
    characters are seen.
    """
    return printable_lines(text).replace("<", "&lt;")


def _figures(values: Mapping[str, Any]) -> str:
    rows = [("", ""), *((_plain(name), _plain(number(value))) for name, value in values.items())]
    return markdown_table(rows) if values else _NOT_STATED


def _parameters(result: FitResult) -> str:
    return "\n\n".join(
        markdown_table([list(rows[0]), *([number(cell) for cell in row.values()] for row in rows)])
        for rows in estimate_rows(result.estimates, result.not_identified, result.at_edge)
        if rows
    )
