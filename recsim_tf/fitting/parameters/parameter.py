"""What is fitted: parameters of a simulator's models, and simulators with other values of them."""

import copy
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.simulator import Simulator

_MODELS = ("users", "documents")
BIJECTORS = {"real": tfb.Identity, "positive": tfb.Softplus, "unit": tfb.Sigmoid}


@gin.configurable(module="recsim_tf")
class Parameter:
    """A parameter to fit.

    Args:
      start: where the search begins, a number or an array; None for the value that the model has.
      support: the allowed values: "real"; "positive"; "unit", the interval (0, 1); or a TFP
        bijector from the reals to them. A bijector may map whole vectors, as to the simplex.
      prior: a TFP distribution of the values, or None. Under a scalar distribution the elements of
        an array are independent. A prior whose own parameters are variables
        (`tfp.util.TransformedVariable`) is hierarchical: with posterior="mean_field" these
        variables are fitted too.
      posterior: None for a point estimate; or "mean_field" for independent normals of the
        unconstrained elements, fitted by variational inference. Use it for tables with many
        elements and few data for each, such as the factors of items: their maximum a posteriori
        overfits.

    Raises:
      ValueError: for an unknown support or posterior, or a posterior without a prior.
    """

    def __init__(
        self,
        start=None,
        support: str | tfb.Bijector = "real",
        prior: tfd.Distribution | None = None,
        posterior: str | None = None,
    ):
        if isinstance(support, str) and support not in BIJECTORS:
            raise ValueError(
                f"support must be one of {', '.join(BIJECTORS)} or a bijector, got {support!r}"
            )
        if posterior not in (None, "mean_field"):
            raise ValueError(f"posterior must be mean_field or None, got {posterior!r}")
        if posterior is not None and prior is None:
            raise ValueError("posterior='mean_field' needs a prior, got None")
        self.start = start
        self.bijector = BIJECTORS[support]() if isinstance(support, str) else support
        self.prior = prior
        self.posterior = posterior


def present_value(name: str, simulator: Simulator) -> np.ndarray:
    """The value of a parameter "users.NAME" or "documents.NAME", an array. Its dtype is object if
    the model holds no number.

    Raises:
      ValueError: for a parameter that the models do not have.
    """
    model, attribute = _locate(name, simulator)
    return np.asarray(getattr(model, attribute))


def with_values(simulator: Simulator, values: Mapping[str, Any]) -> Simulator:
    """A copy of a simulator with other numbers for parameters "users.NAME" and "documents.NAME".

    Args:
      simulator: is left as it is.
      values: numbers and arrays by name.

    Raises:
      ValueError: for a parameter that the models do not have.
    """
    return with_attributes(
        simulator,
        {
            name: float(value) if np.ndim(value) == 0 else np.asarray(value)
            for name, value in values.items()
        },
    )


def with_attributes(simulator: Simulator, attributes: Mapping[str, Any]) -> Simulator:
    """A copy of a simulator with other attributes of its models, named as in `with_values`."""
    copied = copy.copy(simulator)
    for model in _MODELS:
        setattr(copied, model, copy.copy(getattr(simulator, model)))
    for name, value in attributes.items():
        model, attribute = _locate(name, copied)
        setattr(model, attribute, value)
    return copied


def _locate(name: str, simulator: Simulator) -> tuple[tf.Module, str]:
    model_name, _, attribute = name.partition(".")
    if model_name not in _MODELS or not attribute:
        raise ValueError(f"a parameter's name must be users.NAME or documents.NAME, got {name!r}")
    model = getattr(simulator, model_name)
    if not hasattr(model, attribute):
        numbers = sorted(
            key
            for key, value in vars(model).items()
            if isinstance(value, (int, float)) and not key.startswith("_")
        )
        raise ValueError(
            f"{type(model).__name__} has no parameter {attribute!r}; its numbers are"
            f" {', '.join(numbers)}"
        )
    return model, attribute
