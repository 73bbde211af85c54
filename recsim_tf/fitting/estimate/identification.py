"""Which parameters a log tells something of, and how exactly."""

from typing import NamedTuple

import numpy as np

# A standard error that is so many times the parameter, or 1 where the parameter is smaller, says
# that the log tells nothing of it.
_LARGEST_ERROR = 1e4
# An eigenvalue that is this part of the largest is zero but for rounding.
_TOLERANCE = 1e-5
# A parameter whose part of the directions without information is smaller does not lie in them.
_LEAST_PART = 1e-4


class Covariance(NamedTuple):
    """Of P unconstrained elements of parameters."""

    matrix: np.ndarray  # float64 [P, P], NaN in the rows and columns of those not identified
    identified: np.ndarray  # bool [P]


def covariance(information: np.ndarray, center: np.ndarray) -> Covariance:
    """The inverse of an observed information, without the directions of which it says nothing.

    An element is not identified if it has no information of its own, or if it can move together
    with others and leave the likelihood as it is, as two parameters of which only the sum acts.
    Directions are eigenvectors of the information in units in which its diagonal is one, so that
    the units of parameters do not matter.

    Args:
      information: float64 [P, P], symmetric.
      center: float64 [P], where it was computed.
    """
    own = np.diag(information)
    informed = own > (_LARGEST_ERROR * np.maximum(np.abs(center), 1)) ** -2.0
    matrix, identified = np.full(information.shape, np.nan), np.zeros(len(own), bool)
    if not np.any(informed):
        return Covariance(matrix, identified)
    scale = 1 / np.sqrt(own[informed])
    scaled = information[np.ix_(informed, informed)] * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(scaled)
    empty = values <= _TOLERANCE * values.max()
    identified[informed] = np.sum(vectors[:, empty] ** 2, axis=1) < _LEAST_PART
    inverse = (vectors[:, ~empty] / values[~empty]) @ vectors[:, ~empty].T
    matrix[np.ix_(informed, informed)] = inverse * np.outer(scale, scale)
    matrix[~identified], matrix[:, ~identified] = np.nan, np.nan
    return Covariance(matrix, identified)
