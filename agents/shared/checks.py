"""Checks of the numbers that configure agents; each error names the argument."""

from collections.abc import Collection


def require_fraction(also: str = "", above_zero: bool = False, **numbers) -> None:
    """Requires numbers in [0, 1], or in (0, 1] with `above_zero`; None and functions pass.

    Args:
      also: what else the error allows, as "None".
      above_zero: whether 0 is refused.
      **numbers: by the names of the arguments.

    Raises:
      ValueError: for another number.
    """
    interval = "in (0, 1]" if above_zero else "in [0, 1]"
    for name, number in numbers.items():
        fits = number is None or callable(number) or 0 <= number <= 1
        _require(fits and not (above_zero and number == 0), name, interval, also, number)


def require_positive(also: str = "", **numbers) -> None:
    """Requires numbers above 0; None passes.

    Args:
      also: what else the error allows, as "None".
      **numbers: by the names of the arguments.

    Raises:
      ValueError: for another number.
    """
    for name, number in numbers.items():
        _require(number is None or number > 0, name, "above 0", also, number)


def require_at_least(least: float, **numbers) -> None:
    """Requires numbers, given by the names of the arguments, of `least` or more.

    Raises:
      ValueError: for a smaller number.
    """
    for name, number in numbers.items():
        _require(number >= least, name, f"at least {least}", "", number)


def require_one_of(allowed: Collection[str], **choices: str) -> None:
    """Requires choices, given by the names of the arguments, among those allowed.

    Raises:
      ValueError: for another choice.
    """
    for name, choice in choices.items():
        _require(choice in allowed, name, f"one of {', '.join(allowed)}", "", repr(choice))


def _require(fits: bool, name: str, allowed: str, also: str, got) -> None:
    if not fits:
        raise ValueError(f"{name} must be {allowed}{also and f' or {also}'}, got {got}")
