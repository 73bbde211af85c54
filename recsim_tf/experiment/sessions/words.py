"""Numbers, vectors and fields as a reader takes them in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.core.types import Nest

# Longer vectors are shortened, to this many numbers less one.
_SHORT = 5
# Numbers that three digits round to this one, or larger ones, are written without decimals.
_LARGE = 999.5
# A float32 has no more digits.
_MOST_DIGITS = 9
# So many entries of a vector are named of those that changed.
_NAMED = 2


def number(value: Any, digits: int = 3) -> str:
    """A number with three digits; a count, a flag or a text as it is."""
    value = value.item() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        is_large = digits == 3 and _LARGE <= abs(value) < np.inf
        return f"{value:,.0f}" if is_large else f"{value + 0.0:.{digits}g}"
    return str(value)


def counted(count: float, what: str) -> str:
    """As "1 click" or "2 clicks"."""
    return f"{number(count)} {what}{'s' * (count != 1)}"


def words(value: np.ndarray) -> str:
    """A value: a one-hot vector as its index, a long one shortened."""
    value = np.asarray(value)
    if not value.ndim:
        return number(value)
    index = one_hot_index(value)
    if index is not None:
        return str(index)
    flat = value.ravel()
    if flat.size <= _SHORT:
        return " ".join(map(number, flat))
    size = " by ".join(map(str, value.shape))
    return f"{' '.join(map(number, flat[: _SHORT - 1]))} … ({size})"


def one_hot_index(values: np.ndarray) -> np.ndarray | None:
    """int [...]: the index of the one in vectors [..., F], or None if one is not one-hot."""
    # Integers are rather categories side by side.
    if not values.ndim or values.shape[-1] < 2 or values.dtype.kind != "f":
        return None
    is_one_hot = (np.count_nonzero(values, axis=-1) == 1) & (values.max(axis=-1) == 1)
    return values.argmax(axis=-1) if is_one_hot.all() else None


def fields(nest: Nest) -> dict[str, np.ndarray]:
    """The arrays of a nest by the name of their field, without empty ones.

    "" is the name of a lone array, and a name that comes twice has those of the fields around it in
    front.
    """
    found: dict[str, np.ndarray] = {}
    paths = [(path, value) for path, value in _paths((), nest) if value.size]
    names = [path[-1] if path else "" for path, _ in paths]
    for name, (path, value) in zip(names, paths, strict=True):
        found[name if names.count(name) == 1 else ".".join(path)] = value
    return found


def _paths(path: tuple[str, ...], nest: Nest) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    if hasattr(nest, "_asdict"):
        nest = nest._asdict()
    elif isinstance(nest, tuple | list):
        nest = {str(index): part for index, part in enumerate(nest)}
    if isinstance(nest, Mapping):
        for name, part in nest.items():
            yield from _paths((*path, str(name)), part)
    else:
        yield path, np.asarray(nest)


def by_name(named: Mapping[str, np.ndarray]) -> str:
    """Fields in words, as "topic 7, length 4"."""
    return ", ".join(f"{name} {words(value)}".strip() for name, value in named.items())


def changes(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> list[str]:
    """What changed, as "budget 200 → 196"; of a vector the entries that changed most."""
    found = []
    for name, old in before.items():
        new = after[name]
        moved = np.flatnonzero(_differs(old, new))
        if not moved.size:
            continue
        if not old.ndim:
            found.append(_change(name, old, new))
            continue
        old, new = old.ravel(), new.ravel()
        distance = np.abs(np.subtract(new[moved], old[moved], dtype=np.float64))
        largest = moved[np.argsort(-distance, kind="stable")[:_NAMED]]
        found += [_change(f"{name}[{index}]", old[index], new[index]) for index in largest]
        if moved.size > _NAMED:
            found.append(f"{moved.size - _NAMED} more of {name}")
    return found


def _differs(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Where a reader would see a difference."""
    if old.dtype.kind != "f":
        return old != new
    return ~np.isclose(old, new, rtol=1e-3, atol=1e-6, equal_nan=True)


def _change(name: str, old: Any, new: Any) -> str:
    """With as many digits as it takes to see the change."""
    for digits in range(3, _MOST_DIGITS + 1):
        if number(old, digits) != number(new, digits):
            break
    return f"{name} {number(old, digits)} → {number(new, digits)}".strip()


def column(values: Sequence[float]) -> list[str]:
    """Numbers below each other: with their zeros, unless all are whole; nothing for NaN."""
    known = np.array([value for value in values if not np.isnan(value)])
    if np.array_equal(known, np.round(known)):
        return ["" if np.isnan(value) else f"{value + 0.0:,.0f}" for value in values]
    return ["" if np.isnan(value) else _with_zeros(value) for value in values]


def _with_zeros(value: float) -> str:
    if not np.isfinite(value) or abs(value) >= _LARGE:
        return number(float(value))
    return f"{value + 0.0:#.3g}".rstrip(".")
