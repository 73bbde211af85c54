"""Short names, for labels and folders."""

import re
from collections.abc import Iterable, Sequence


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The shortest last part of each binding's name that no other name ends with, such as "target"
    for "SlateQTargets.target".
    """
    names = list(dict.fromkeys(names))
    return {
        name: next(
            (
                end
                for end in _ends(name)
                if not any(end in _ends(other) for other in names if other != name)
            ),
            name,
        )
        for name in names
    }


def _ends(name: str) -> Sequence[str]:
    """The last parts of a name, from the shortest to the whole."""
    starts = [match.end() for match in re.finditer(r"[./]", name)]
    return [name[start:] for start in [*reversed(starts), 0]]
