"""Off-policy evaluation: what a new policy would have earned, judged from the sessions of an old
one.

`evaluate` gives estimates with intervals and a verdict each, of a `Log`. `PRESETS` has the
estimators by the names of papers. Tables need the extra `fitting`.

Names are imported at their first use, so that agents import weights without what reports need.
"""

import importlib
from typing import Any

# The module of each public name.
_MODULES = {
    **dict.fromkeys(("Verdict", "WeightDiagnostics", "pareto_k"), "diagnostics"),
    **dict.fromkeys(("PRESETS", "Estimator"), "estimators"),
    "evaluate": "evaluation",
    **dict.fromkeys(("Log", "SlateLogProbs"), "log"),
    **dict.fromkeys(("LoggedPolicy", "fit_logging"), "logged_policy"),
    **dict.fromkeys(("from_obp", "to_obp"), "obp"),
    "write_report": "report",
    **dict.fromkeys(("Estimate", "Result"), "results"),
    "value": "sample",
    "truth": "simulated",
    **dict.fromkeys(("Study", "study"), "studies"),
    **dict.fromkeys(("from_open_bandit", "from_table"), "tables"),
    **dict.fromkeys(("from_episodes", "from_trajectory"), "trajectories"),
    **dict.fromkeys(("Regression", "SimulatedQ"), "values"),
    "Weights": "weights",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    # The next use finds it without this function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
