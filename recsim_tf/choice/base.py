"""The base of the choice models: a distribution over which slate position is chosen, or none."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random, validation
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models import per_user


class ChoiceDistribution(tfd.Distribution, abc.ABC):
    """Over the outcomes 0..K: position 0..K-1 of the slate, or K for "no click".

    Batch shape [...] is that of `scores` [..., K] without its last axis; the event is a scalar
    int32. A subclass defines `weights`, and names in `parameter_names` the keyword arguments that a
    user model may hand it besides `scores`, `mask` and `validate`.

    Args:
      scores: float [..., K], how much the user likes each document of the slate.
      mask: bool [..., K], False at empty positions, which are never chosen; None if there are none.
      validate: whether to check the scores. In eager mode an invalid score is a `ValueError`, in
        graph mode a `tf.errors.InvalidArgumentError` at run time; XLA drops the check.
    """

    parameter_names: tuple[str, ...] = ()

    def __init__(self, scores, mask, validate: bool, parameters: dict, name: str):
        self._scores = tf.convert_to_tensor(scores)
        if (
            not self._scores.dtype.is_floating
            or self._scores.shape.rank is None
            or self._scores.shape.rank < 1
        ):
            raise ValueError(
                f"scores must be a float tensor [..., K], got {self._scores.dtype.name}"
                f" {self._scores.shape}"
            )
        if mask is not None:
            mask = tf.convert_to_tensor(mask)
            if mask.dtype != tf.bool or mask.shape[-1] != self._scores.shape[-1]:
                raise ValueError(
                    f"mask must be bool {self._scores.shape}, got {mask.dtype.name} {mask.shape}"
                )
            # Whatever stands at an empty position must not reach a gradient.
            self._scores = tf.where(mask, self._scores, tf.zeros([], self._scores.dtype))
        self._mask = mask
        super().__init__(
            dtype=tf.int32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )
        if validate:
            self._scores = validation.checked(
                self._scores, [(tf.math.is_finite(self._scores), "scores must be finite")]
            )
            self._scores = validation.checked(self._scores, self._conditions())

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"scores": tfp.util.ParameterProperties(event_ndims=1)}

    @property
    def slate_size(self) -> int:
        """K; also the outcome that means "no click"."""
        return self._scores.shape[-1]

    @abc.abstractmethod
    def weights(self) -> tf.Tensor:
        """RecSim's scores: non-negative and proportional to the probabilities, float [..., K+1],
        the last for "no click".
        """

    @property
    def probs(self) -> tf.Tensor:
        """Probabilities of the outcomes, float [..., K+1], the last for "no click"."""
        weights = self.weights()
        return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)

    @property
    def log_probs(self) -> tf.Tensor:
        """Logarithms of `probs`; -inf, with gradient zero, where an outcome is impossible."""
        weights = self.weights()
        possible = weights > 0
        log_weights = tf.where(possible, tf.math.log(tf.where(possible, weights, 1)), -float("inf"))
        return log_weights - tf.math.log(tf.reduce_sum(weights, axis=-1, keepdims=True))

    def score_alone(self) -> tf.Tensor:
        """RecSim's expected utility of each document: its weight on a slate of its own, float [...,
        K].
        """
        parameters = {
            **self.parameters,
            "scores": self._scores[..., tf.newaxis],
            "mask": None,
            "validate": False,
        }
        for name in self.parameter_names:
            value = tf.convert_to_tensor(parameters[name])
            parameters[name] = value[..., tf.newaxis] if value.shape.rank else parameters[name]
        return type(self)(**parameters).weights()[..., 0]

    def _parameter(self, value) -> tf.Tensor:
        """A scalar or [B] parameter, shaped to broadcast against the scores."""
        rank = self._scores.shape.rank
        value = tf.convert_to_tensor(value, dtype_hint=self._scores.dtype)
        return (
            per_user(value, rank, self._scores.dtype)
            if value.shape.rank <= 1
            else value[..., tf.newaxis]
        )

    def _real(self, condition: tf.Tensor) -> tf.Tensor:
        """A condition [..., K] on the scores, required only at positions that hold a document."""
        return condition if self._mask is None else condition | ~self._mask

    def _conditions(self) -> list[tuple[tf.Tensor, str]]:
        """(condition, message) pairs that `validate` checks, evaluated on finite scores."""
        return []

    def _mask_out(self, values: tf.Tensor, fill: float) -> tf.Tensor:
        return (
            values
            if self._mask is None
            else tf.where(self._mask, values, tf.constant(fill, values.dtype))
        )

    def _with_no_click(self, values: tf.Tensor, no_click: tf.Tensor) -> tf.Tensor:
        """Appends the value of "no click", broadcast to [..., 1], to values [..., K]."""
        return tf.concat([values, tf.broadcast_to(no_click, tf.shape(values[..., :1]))], axis=-1)

    def _batch_shape(self):
        return self._scores.shape[:-1]

    def _batch_shape_tensor(self):
        return tf.shape(self._scores)[:-1]

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, value):
        chosen = tf.equal(value[..., tf.newaxis], tf.range(self.slate_size + 1))
        inside = (value >= 0) & (value <= self.slate_size)
        log_probs = self.log_probs
        log_prob = tf.reduce_sum(
            tf.where(chosen, log_probs, tf.zeros([], log_probs.dtype)), axis=-1
        )
        return tf.where(inside, log_prob, -float("inf"))

    def _mode(self):
        return tf.argmax(self.weights(), axis=-1, output_type=tf.int32)

    def _entropy(self):
        log_probs = self.log_probs
        possible = log_probs > -float("inf")
        return -tf.reduce_sum(self.probs * tf.where(possible, log_probs, 0), axis=-1)

    def _sample_n(self, n, seed=None):
        shape = tf.concat([[n], self._batch_shape_tensor()], axis=0)
        return self._draw(shape, tfp.random.sanitize_seed(seed))

    def _draw(self, shape, seed):
        weights = self.weights()
        return random.categorical_from_uniform(random.uniform(shape, seed, weights.dtype), weights)


@random.sample.register
def _(distribution: ChoiceDistribution, seed):
    return distribution._draw(random.batch_shape(distribution), seed)


@num_outcomes.register
def _(distribution: ChoiceDistribution):
    return distribution.slate_size + 1


def users_choice(users, scores: tf.Tensor, mask: tf.Tensor) -> tfd.Distribution:
    """The choice that a user model makes from a slate.

    Args:
      users: has the attribute `choice_model`, which builds a distribution from `scores`, `mask` and
        the parameters that it names in its `parameter_names`. They are attributes of `users`; where
        there is none, or None, the choice model's default holds.
      scores: float [B, K].
      mask: bool [B, K].

    Raises:
      TypeError: if the choice model has no default for a parameter that is missing.
    """
    parameters = {
        name: getattr(users, name, None)
        for name in getattr(users.choice_model, "parameter_names", ())
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    return users.choice_model(scores, mask=mask, **given)
