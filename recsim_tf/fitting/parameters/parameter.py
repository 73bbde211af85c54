# SPDX-License-Identifier: Apache-2.0
"""Parameters of a simulator's models that are fitted, and priors that are fitted with them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.arguments import Count, Positive, checked, configurable, kind_of
from recsim_tf.core.base.ranges import Range

BIJECTORS = {"real": tfb.Identity, "positive": tfb.Softplus, "unit": tfb.Sigmoid}


class _Apart(tfb.Bijector):
    """A bijector whose functions are graphs apart from the graph that calls them.

    TFP keeps the arguments of a bijector as long as their results, which in a graph are each kept
    by the graph. So the graph of a likelihood that calls a bijector would stay until Python ends.
    """

    def __init__(self, bijector: tfb.Bijector):
        super().__init__(
            forward_min_event_ndims=bijector.forward_min_event_ndims,
            inverse_min_event_ndims=bijector.inverse_min_event_ndims,
            dtype=bijector.dtype,
            name=bijector.name,
        )
        self._inner = bijector
        self._functions = {
            name: tf.function(getattr(bijector, name), autograph=False)
            for name in (
                *("forward", "inverse"),
                *("forward_log_det_jacobian", "inverse_log_det_jacobian"),
            )
        }

    def forward(self, x: tf.Tensor, name: str = "forward", **kwargs: Any) -> tf.Tensor:
        return self._functions["forward"](x, **kwargs)

    def inverse(self, y: tf.Tensor, name: str = "inverse", **kwargs: Any) -> tf.Tensor:
        return self._functions["inverse"](y, **kwargs)

    def forward_log_det_jacobian(
        self, x: tf.Tensor, event_ndims: int | None = None, name: str = "", **kwargs: Any
    ) -> tf.Tensor:
        return self._functions["forward_log_det_jacobian"](x, event_ndims, **kwargs)

    def inverse_log_det_jacobian(
        self, y: tf.Tensor, event_ndims: int | None = None, name: str = "", **kwargs: Any
    ) -> tf.Tensor:
        return self._functions["inverse_log_det_jacobian"](y, event_ndims, **kwargs)

    def forward_event_shape(self, input_shape: Any) -> Any:
        return self._inner.forward_event_shape(input_shape)

    def inverse_event_shape(self, output_shape: Any) -> Any:
        return self._inner.inverse_event_shape(output_shape)


@configurable(module="recsim_tf")
class Parameter:
    """A parameter to fit.

    Args:
      start: the value where the search begins, a number or an array; None for the value that the
        model has.
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
      fixed: whether the value stays what `start` says. It is saved with those that are fitted: for
        tables that were learned elsewhere, such as factors of items or weights of a channel.

    Raises:
      ValueError: for a start that is no finite number, an unknown support or posterior, a prior
        that is not a distribution, a posterior without a prior, or a fixed parameter without a
        start or with a prior.
    """

    def __init__(
        self,
        start: float | Sequence | np.ndarray | tf.Tensor | None = None,
        support: str | tfb.Bijector = "real",
        prior: tfd.Distribution | None = None,
        posterior: Literal["mean_field"] | None = None,
        fixed: bool = False,
    ):
        is_named = isinstance(support, str)
        if support not in BIJECTORS if is_named else not isinstance(support, tfb.Bijector):
            got = repr(support) if is_named else kind_of(support)
            raise ValueError(
                f"support must be one of {', '.join(BIJECTORS)} or a bijector, got {got}"
            )
        if posterior is not None and prior is None:
            raise ValueError("posterior='mean_field' needs a prior, got None")
        if fixed and (start is None or prior is not None):
            raise ValueError("fixed must be False for a parameter with a prior, or without a start")
        if start is not None:
            Range().check("start", start)
        self.start = start
        bijector = BIJECTORS[support]() if isinstance(support, str) else support
        is_apart = isinstance(bijector, (tfb.Identity, _Apart))
        self.bijector = bijector if is_apart else _Apart(bijector)
        self.prior = prior
        self.posterior = posterior
        self.fixed = fixed


def element(name: str, index: Sequence[int]) -> str:
    """The name of an element of a parameter."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


@checked
def hierarchical_normal(
    shape: Sequence[Count] = (),
    features: np.ndarray | None = None,
    scale: Positive = 0.5,
) -> tfd.Normal:
    """A normal prior that all rows of a table share. What many rows teach about it helps the rows
    with little data.

    For a `Parameter` with posterior="mean_field". With features the prior's loc is linear in them,
    a regression of the table on what is known of its rows (Agarwal & Chen 2009, "Regression-based
    latent factor models").

    Args:
      shape: the shape of a row of the table, such as [F]; () where a row is a number.
      features: the features of the rows, float [D, M]; None for one loc that all rows share.
      scale: the start of the search for the standard deviation, positive.

    Returns:
      A Normal, [D, ...] with features, else of the shape of a row, with trainable loc, from zero,
      and scale.

    Raises:
      ValueError: for features that are not a table, or a scale that is not positive.
    """
    shape = tuple(shape)
    scales = tfp.util.TransformedVariable(
        tf.fill(shape, float(scale)), tfb.Exp(), name="prior_scale"
    )
    if features is None:
        return tfd.Normal(tf.Variable(tf.zeros(shape), name="prior_loc"), scales)
    Range().check("features", features)
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or not features.size:
        raise ValueError(f"features must have a shape [D, M], got {list(features.shape)}")
    weights = tf.Variable(tf.zeros([features.shape[1], *shape]), name="prior_weights")
    loc = tfp.util.DeferredTensor(
        weights, lambda weights: tf.tensordot(features, weights, 1), shape=[len(features), *shape]
    )
    return tfd.Normal(loc, scales)
