# SPDX-License-Identifier: Apache-2.0
"""Simulators whose parameters are variables behind bijectors."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.fitting.parameters.unconstrained import differentiated, flatten, unpack


class FittedSimulator:
    """A simulator whose models are copied, with a `tfp.util.TransformedVariable` for each
    parameter, in the dtype of the user model.

    Attributes:
      parameters: the parameters that are fitted, by name.
      fixed: the values of the fixed parameters, by name.
      simulator: the simulator with the variables.
      posteriors: the mean-field posteriors of the parameters that have one, by name.

    Args:
      simulator: the models, and the values of all other parameters.
      parameters: the parameters by name, as `simulator.parameters()` lists them.

    Raises:
      ValueError: for a parameter that the models do not have, a parameter without a start, a start
        outside of its support, or a prior of another dtype than the users.
    """

    @checked
    def __init__(self, simulator: Simulator, parameters: Mapping[str, Parameter]):
        dtype = simulator.users.dtype
        self.fixed = {
            name: np.asarray(parameter.start).astype(dtype.as_numpy_dtype)
            for name, parameter in parameters.items()
            if parameter.fixed
        }
        simulator = simulator.with_parameters(self.fixed)
        parameters = {name: each for name, each in parameters.items() if name not in self.fixed}
        if not parameters:
            raise ValueError("parameters must name at least one parameter to fit, got none")
        self.parameters = parameters
        self._transformed = {
            name: _variable(name, parameter, simulator, dtype)
            for name, parameter in parameters.items()
        }
        self._points = {
            name: variable.pretransformed_input for name, variable in self._transformed.items()
        }
        self.simulator = simulator.with_parameters(self._transformed)
        self.posteriors = {
            name: MeanFieldPosterior(point, name)
            for name, point in self._points.items()
            if parameters[name].posterior == "mean_field"
        }
        # A dict keeps variables that several priors share once.
        self._hyperparameters = {
            id(variable): variable
            for name in self.posteriors
            for variable in parameters[name].prior.trainable_variables  # type: ignore[union-attr]
        }
        self._prior_and_gradients = compiled(
            lambda seed: differentiated(lambda: self.log_prior(seed), self.variables)
        )

    @property
    def variables(self) -> list[tf.Variable]:
        """The unconstrained parameters, then those of posteriors and of hierarchical priors."""
        return [
            *self._points.values(),
            *(posterior.log_scales for posterior in self.posteriors.values()),
            *self._hyperparameters.values(),
        ]

    def values(self) -> dict[str, np.ndarray]:
        """The parameters' values in their supports, or at the mean of a mean-field posterior."""
        return {
            name: tf.convert_to_tensor(variable).numpy()
            for name, variable in self._transformed.items()
        }

    def by_name(self, flat: tf.Tensor | np.ndarray) -> dict[str, tf.Tensor]:
        """Vectors [..., P] as unconstrained elements [..., ...] of each parameter."""
        specs = [tf.TensorSpec(point.shape, point.dtype) for point in self._points.values()]
        return dict(zip(self._points, unpack(flat, specs), strict=True))

    def values_at(self, flat: tf.Tensor) -> dict[str, tf.Tensor]:
        """The parameters' values [..., ...] at vectors [..., P]."""
        return {
            name: self.parameters[name].bijector.forward(elements)
            for name, elements in self.by_name(flat).items()
        }

    def log_prior_at(self, elements: Mapping[str, tf.Tensor], jacobian: bool) -> tf.Tensor:
        """The log-density of some parameters under their priors, a float64 scalar. It is flat where
        a parameter has no prior. It is the density of the values, or with the Jacobian that of the
        unconstrained elements.
        """
        total = tf.zeros([], tf.float64)
        for name, part in elements.items():
            bijector, prior = self.parameters[name].bijector, self.parameters[name].prior
            if jacobian:
                log_det = bijector.forward_log_det_jacobian(part, event_ndims=part.shape.rank)
                total += tf.cast(log_det, tf.float64)
            if prior is not None:
                total += tf.cast(tf.reduce_sum(prior.log_prob(bijector.forward(part))), tf.float64)
        return total

    def draw(self, seed: Seed) -> Simulator:
        """The simulator with tensors for parameters: draws from posteriors, or their values."""
        seeds = random.split_seed(seed, len(self._transformed))
        tensors = {}
        for (name, variable), own_seed in zip(self._transformed.items(), seeds, strict=True):
            if name in self.posteriors:
                bijector = self.parameters[name].bijector
                tensors[name], _ = self.posteriors[name].draw(bijector, [own_seed])
            else:
                tensors[name] = tf.convert_to_tensor(variable)
        return self.simulator.with_parameters(tensors)

    def log_prior(self, seed: Seed = 0) -> tf.Tensor:
        """The log-density of the values under the priors, a float64 scalar. For mean-field
        posteriors it is minus their divergence from the prior.
        """
        points = {name: x for name, x in self._points.items() if name not in self.posteriors}
        total = self.log_prior_at(points, jacobian=False)
        for name, posterior in self.posteriors.items():
            parameter = self.parameters[name]
            divergence = posterior.divergence(parameter.prior, parameter.bijector, seed)
            total -= tf.cast(divergence, tf.float64)
        return total

    def log_prior_and_gradients(self, seed: Seed = 0) -> tuple[float, list[np.ndarray]]:
        """`log_prior` and its gradients in the variables."""
        value, gradients = traced_call(self._prior_and_gradients, random.as_seed(seed))
        return float(value), [gradient.numpy() for gradient in gradients]

    def row_scores(
        self,
        log_prob: Callable[[dict[str, tf.Tensor]], tf.Tensor],
        num_rows: int,
        names: Sequence[str] | None = None,
    ) -> dict[str, tf.Tensor]:
        """The scores of B rows by parameter, [B, ...]: the gradients of each row's log-probability
        in the unconstrained parameters. Every row has copies of its own, so that one backward pass
        gives all of them. `log_prob` maps the values, [B, ...], to log-probabilities [B]. A
        parameter with a value for each of S sessions is repeated B / S times.
        """
        copies = {name: self._copied(name, num_rows) for name in names or self.parameters}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(copies)
            values = {
                name: self.parameters[name].bijector.forward(copy) for name, copy in copies.items()
            }
            total = tf.reduce_sum(log_prob(values))
        return tape.gradient(total, copies, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _copied(self, name: str, num_rows: int) -> tf.Tensor:
        """Unconstrained elements of a parameter for each row, as its model reads them by user."""
        point = tf.convert_to_tensor(self._points[name])
        missing = max(self.simulator.parameter_spec(name).rank - point.shape.rank, 0)
        if self.is_of_sessions(name):
            return tf.tile(point, [num_rows // point.shape[0], *[1] * (point.shape.rank - 1)])
        return tf.broadcast_to(
            tf.reshape(point, [*[1] * missing, *point.shape]),
            [num_rows, *[1] * missing, *point.shape],
        )

    def is_of_sessions(self, name: str) -> bool:
        """True if a parameter has a value for each session."""
        return self._points[name].shape.rank > self.simulator.parameter_spec(name).rank

    def flat(self) -> np.ndarray:
        """The unconstrained parameters as one vector, float64 [P]."""
        return flatten([point.numpy() for point in self._points.values()])

    def assign_flat(self, flat: np.ndarray) -> None:
        """Sets the unconstrained parameters from a vector [P]."""
        for name, elements in self.by_name(flat).items():
            self._points[name].assign(elements)


def _variable(
    name: str, parameter: Parameter, simulator: Simulator, dtype: tf.DType
) -> tfp.util.TransformedVariable:
    start = parameter.start
    simulator.parameter_spec(name)
    start = simulator.parameters().get(name) if start is None else start
    if start is None:
        raise ValueError(f"{name} needs a start: the model has none, got None")
    if parameter.prior is not None and parameter.prior.dtype != dtype:
        raise ValueError(
            f"the prior of {name} must have the dtype of the users, {dtype.name}, got"
            f" {parameter.prior.dtype.name}"
        )
    start = np.asarray(start).astype(dtype.as_numpy_dtype)
    variable = tfp.util.TransformedVariable(
        start, parameter.bijector, dtype=dtype, name=name.replace(".", "_")
    )
    if not np.all(np.isfinite(variable.pretransformed_input)):
        raise ValueError(
            f"{name} must start within its support, {parameter.bijector.name}, got {start}"
        )
    return variable
