"""Estimates of small logs beside those of obp and scope-rl; see `known_cases.py`."""

from off_policy import known_cases
from sections import Section, Settings, section


def measure(settings: Settings) -> Section:
    differences = {name: known_cases.difference(name) for name in known_cases.CASES}
    rows = [("estimator", "estimate", "difference")]
    rows += [
        (name, f"{case[-1]:.9g}", f"{differences[name]:.1e}")
        for name, case in known_cases.CASES.items()
    ]
    figures = {"cases.largest_difference": max(differences.values())}
    title = "Estimates of three small logs, by obp 0.5.7, scope-rl 0.2.1 and by hand"
    bars = {"cases.largest_difference": (0.0, 1e-6)}
    return section(settings, title, rows, figures, bars, details=differences)
