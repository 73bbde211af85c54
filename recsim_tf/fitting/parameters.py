"""What is fitted: parameters of a simulator's models as variables behind bijectors."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
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
      support: where values lie: "real"; "positive"; "unit", the interval (0, 1); or a TFP bijector from the reals to them, or one of the
        simplex whose events are vectors.
      prior: a TFP distribution of the values, or None; an array's elements are independent under a scalar one.

    Raises:
      ValueError: for an unknown support.
    """

    def __init__(self, start=None, support: str | tfb.Bijector = "real", prior: tfd.Distribution | None = None):
        if isinstance(support, str) and support not in BIJECTORS:
            raise ValueError(f"support must be one of {', '.join(BIJECTORS)} or a bijector, got {support!r}")
        self.start = start
        self.bijector = BIJECTORS[support]() if isinstance(support, str) else support
        self.prior = prior


class FittedSimulator:
    """A simulator whose parameters are variables.

    The simulator that is given is left as it is; its models are copied and hold a `tfp.util.TransformedVariable` for each parameter.

    Args:
      simulator: the models and the values of all other parameters.
      parameters: by name, "users.NAME" or "documents.NAME" for an attribute of the model.
      dtype: of the variables.

    Raises:
      ValueError: for a parameter that the models do not have, one without a start, or a start outside of its support.
    """

    def __init__(self, simulator: Simulator, parameters: Mapping[str, Parameter], dtype: tf.DType = tf.float32):
        if not parameters:
            raise ValueError("parameters must name at least one parameter to fit, got none")
        self.parameters = dict(parameters)
        models = {name: copy.copy(getattr(simulator, name)) for name in _MODELS}
        self._transformed: dict[str, tfp.util.TransformedVariable] = {}
        for name, parameter in parameters.items():
            model, attribute = _locate(name, models)
            start = np.asarray(_value(getattr(model, attribute)) if parameter.start is None else parameter.start)
            if start.dtype == object:
                raise ValueError(f"{name} needs a start: the model has none, got {getattr(model, attribute)!r}")
            start = start.astype(dtype.as_numpy_dtype)
            variable = tfp.util.TransformedVariable(start, parameter.bijector, dtype=dtype, name=name.replace(".", "_"))
            if not np.all(np.isfinite(variable.pretransformed_input)):
                raise ValueError(f"{name} must start within its support, {parameter.bijector.name}, got {start}")
            setattr(model, attribute, variable)
            self._transformed[name] = variable
        self.simulator = copy.copy(simulator)
        for name, model in models.items():
            setattr(self.simulator, name, model)

    @property
    def variables(self) -> list[tf.Variable]:
        """The unconstrained variables, in the order of the parameters."""
        return [variable.pretransformed_input for variable in self._transformed.values()]

    @property
    def names(self) -> list[str]:
        return list(self._transformed)

    def values(self) -> dict[str, np.ndarray]:
        """The parameters' values, in their own supports."""
        return {name: tf.convert_to_tensor(variable).numpy() for name, variable in self._transformed.items()}

    def log_prior(self) -> tf.Tensor:
        """Scalar: the log-density of the values under the priors; 0 without any."""
        total = tf.zeros([], self.variables[0].dtype)
        for name, variable in self._transformed.items():
            prior = self.parameters[name].prior
            if prior is not None:
                total += tf.reduce_sum(prior.log_prob(tf.convert_to_tensor(variable)))
        return total

    def log_prior_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        """The log-density of the values under the priors, and its gradients in the unconstrained variables."""
        with tf.GradientTape() as tape:
            value = self.log_prior()
        gradients = tape.gradient(value, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return float(value), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]

    def assign(self, unconstrained: Sequence[Any]) -> None:
        """Sets the unconstrained variables."""
        for variable, value in zip(self.variables, unconstrained, strict=True):
            variable.assign(value)

    def assign_flat(self, flat: np.ndarray) -> None:
        """Sets the unconstrained variables from their concatenation [P]."""
        sizes = [int(np.prod(variable.shape)) for variable in self.variables]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        self.assign([part.reshape(variable.shape) for part, variable in zip(parts, self.variables, strict=True)])

    def flat(self) -> np.ndarray:
        """float64 [P]: the unconstrained variables, concatenated."""
        return flatten([variable.numpy() for variable in self.variables])


def flatten(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """float64 [P]: the elements of arrays, one array after the other."""
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


def _locate(name: str, models) -> tuple[tf.Module, str]:
    model, _, attribute = name.partition(".")
    if model not in models or not attribute:
        raise ValueError(f"a parameter's name must be users.NAME or documents.NAME, got {name!r}")
    if not hasattr(models[model], attribute):
        numbers = sorted(key for key, value in vars(models[model]).items() if isinstance(value, (int, float)) and not key.startswith("_"))
        raise ValueError(f"{type(models[model]).__name__} has no parameter {attribute!r}; its numbers are {', '.join(numbers)}")
    return models[model], attribute


def _value(attribute):
    return tf.convert_to_tensor(attribute).numpy() if tf.is_tensor(attribute) or isinstance(attribute, tf.Variable) else attribute
