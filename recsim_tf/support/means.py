"""Errors of means over sessions."""

import numpy as np


def error_of_draws(returns: np.ndarray) -> float:
    """The standard deviation of the mean return between draws of the parameters, without the part
    that comes from the users' noise: the component of variance of a two-way layout.

    Args:
      returns: float [N, U], of each draw and user; users and their noise are the same in all draws.
    """
    num_draws, num_users = returns.shape
    of_draws = returns.mean(axis=1)
    residuals = returns - of_draws[:, np.newaxis] - returns.mean(axis=0) + returns.mean()
    noise = (residuals**2).sum() / ((num_draws - 1) * (num_users - 1) * num_users)
    return float(np.sqrt(max(of_draws.var(ddof=1) - noise, 0.0)))
