"""What a row keeps from its start."""

from collections.abc import Callable

from tensorflow_probability import distributions as tfd

from recsim_tf.dynamics.component import Component


class Static(Component):
    """A state that is drawn at the start and does not change.

        Static(lambda num_rows: tfd.Normal(tf.zeros([num_rows]), 1.0))

    The parameters of the prior have no names, so they cannot be fitted by them. For that, derive a
    class from `Component` whose `initial_draws` reads its parameters.

    Args:
      prior: from a number of rows B to the distribution, of batch shape [B], of the state.

    Raises:
      ValueError: if the prior is no function; when it is drawn, if it gives no distribution.
    """

    prior: Callable[[int], tfd.Distribution]

    def check(self):
        if not callable(self.prior):
            raise ValueError(
                f"prior must be a function of a number of rows, got {type(self.prior).__name__}"
            )

    def initial_draws(self, num_rows):
        distribution = self.prior(num_rows)
        if not isinstance(distribution, tfd.Distribution):
            got = type(distribution).__name__
            raise ValueError(f"prior must return a distribution, got {got}")
        return distribution
