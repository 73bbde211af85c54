"""Checks of arguments."""


def check_at_least(least: int, **numbers: float) -> None:
    """Raises a ValueError that names the first of the arguments that is below `least`."""
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} must be at least {least}, got {number}")
