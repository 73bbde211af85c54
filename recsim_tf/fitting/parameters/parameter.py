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

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.parameters.mean_field import MeanField, divergence

_MODELS = ("users", "documents")
BIJECTORS = {"real": tfb.Identity, "positive": tfb.Softplus, "unit": tfb.Sigmoid}


@gin.configurable(module="recsim_tf")
class Parameter:
    """A parameter to fit.

    Args:
      start: where the search begins, a number or an array; None for the value that the model has.
      support: where values lie: "real"; "positive"; "unit", the interval (0, 1); or a TFP bijector
        from the reals to them, or one of the simplex whose events are vectors.
      prior: a TFP distribution of the values, or None; an array's elements are independent under a
        scalar one. Where its own parameters are variables (`tfp.util.TransformedVariable`) and the
        posterior is "mean_field", they are fitted too: a hierarchical prior.
      posterior: None for a point; or "mean_field", independent normals of the unconstrained
        elements that are fitted by variational inference. Tables with many elements and few data
        for each, as factors of items, need that: at their likeliest point they overfit.

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


class FittedSimulator:
    """A simulator whose parameters are variables.

    The simulator that is given is left as it is; its models are copied and hold a
    `tfp.util.TransformedVariable` for each parameter.

    Args:
      simulator: the models and the values of all other parameters.
      parameters: by name, "users.NAME" or "documents.NAME" for an attribute of the model.
      dtype: of the variables.

    Raises:
      ValueError: for a parameter that the models do not have, one without a start, or a start
        outside of its support.
    """

    def __init__(
        self,
        simulator: Simulator,
        parameters: Mapping[str, Parameter],
        dtype: tf.DType = tf.float32,
    ):
        if not parameters:
            raise ValueError("parameters must name at least one parameter to fit, got none")
        self.parameters = dict(parameters)
        self._transformed: dict[str, tfp.util.TransformedVariable] = {}
        for name, parameter in parameters.items():
            model, attribute = _locate(name, simulator)
            start = np.asarray(
                _value(getattr(model, attribute)) if parameter.start is None else parameter.start
            )
            if start.dtype == object:
                raise ValueError(
                    f"{name} needs a start: the model has none, got {getattr(model, attribute)!r}"
                )
            start = start.astype(dtype.as_numpy_dtype)
            variable = tfp.util.TransformedVariable(
                start, parameter.bijector, dtype=dtype, name=name.replace(".", "_")
            )
            if not np.all(np.isfinite(variable.pretransformed_input)):
                raise ValueError(
                    f"{name} must start within its support, {parameter.bijector.name}, got {start}"
                )
            self._transformed[name] = variable
        self.simulator = with_attributes(simulator, self._transformed)
        self.posteriors = {
            name: MeanField(variable.pretransformed_input, name)
            for name, variable in self._transformed.items()
            if parameters[name].posterior == "mean_field"
        }
        hierarchical = [parameters[name].prior for name in self.posteriors]
        self._hyperparameters = list(
            {
                id(variable): variable
                for prior in hierarchical
                for variable in prior.trainable_variables  # type: ignore[union-attr]
            }.values()
        )
        self._prior_and_gradients = compiled(self._differentiated_log_prior)

    @property
    def variables(self) -> list[tf.Variable]:
        """The unconstrained parameters, in their order; then those of their posteriors and of
        hierarchical priors.
        """
        points = [variable.pretransformed_input for variable in self._transformed.values()]
        return (
            points
            + [posterior.log_scale for posterior in self.posteriors.values()]
            + self._hyperparameters
        )

    @property
    def names(self) -> list[str]:
        return list(self._transformed)

    def values(self) -> dict[str, np.ndarray]:
        """The parameters' values, in their own supports; those at the mean of a mean-field
        posterior.
        """
        return {
            name: tf.convert_to_tensor(variable).numpy()
            for name, variable in self._transformed.items()
        }

    def draw(self, seed) -> Simulator:
        """The simulator with tensors for parameters: draws from their posteriors where they have
        one, else their values.

        Args:
          seed: an integer or int32 [2].
        """
        seeds = random.split_seed(seed, len(self._transformed))
        tensors = {}
        for (name, variable), own_seed in zip(self._transformed.items(), seeds, strict=True):
            posterior = self.posteriors.get(name)
            drawn = (
                None
                if posterior is None
                else self.parameters[name].bijector.forward(posterior.sample(own_seed))
            )
            tensors[name] = tf.convert_to_tensor(variable) if drawn is None else drawn
        return with_attributes(self.simulator, tensors)

    def log_prior(self, seed=0) -> tf.Tensor:
        """Scalar: the log-density of the values under the priors; for mean-field posteriors minus
        their divergence from the prior.
        """
        total = tf.zeros([], self.variables[0].dtype)
        for name, variable in self._transformed.items():
            parameter = self.parameters[name]
            if name in self.posteriors:
                total -= divergence(
                    self.posteriors[name], parameter.prior, parameter.bijector, seed
                )
            elif parameter.prior is not None:
                total += tf.reduce_sum(parameter.prior.log_prob(tf.convert_to_tensor(variable)))
        return total

    def log_prior_and_gradients(self, seed=0) -> tuple[float, list[np.ndarray]]:
        """`log_prior` and its gradients in the variables."""
        value, gradients = self._prior_and_gradients(random.as_seed(seed))
        return float(value), [gradient.numpy() for gradient in gradients]

    def _differentiated_log_prior(self, seed):
        variables = self.variables
        with tf.GradientTape() as tape:
            value = self.log_prior(seed)
        gradients = tape.gradient(
            value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return value, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def assign(self, unconstrained: Sequence[Any]) -> None:
        """Sets the unconstrained variables."""
        for variable, value in zip(self.variables, unconstrained, strict=True):
            variable.assign(value)

    def assign_flat(self, flat: np.ndarray) -> None:
        """Sets the unconstrained variables from their concatenation [P]."""
        sizes = [int(np.prod(variable.shape)) for variable in self.variables]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        self.assign(
            [
                part.reshape(variable.shape)
                for part, variable in zip(parts, self.variables, strict=True)
            ]
        )

    def flat(self) -> np.ndarray:
        """float64 [P]: the unconstrained variables, concatenated."""
        return flatten([variable.numpy() for variable in self.variables])


def flatten(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """float64 [P]: the elements of arrays, one array after the other."""
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


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
    """A copy of a simulator whose models have other attributes, by "users.NAME" and
    "documents.NAME".
    """
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


def _value(attribute):
    return (
        tf.convert_to_tensor(attribute).numpy()
        if tf.is_tensor(attribute) or isinstance(attribute, tf.Variable)
        else attribute
    )
