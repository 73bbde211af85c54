# SPDX-License-Identifier: Apache-2.0
"""The pure functions of SlateQ's learning: values of slates, and losses."""

from typing import NamedTuple, Self

import tensorflow as tf
from tf_agents.trajectories import trajectory

from recsim_tf.agents.shared.learning import batch_sums, weighted_mean
from recsim_tf.agents.shared.q_agent import Transitions
from recsim_tf.agents.slate_q.network import SessionValues
from recsim_tf.core import nests
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.policies.slates import SlateOptimizer, slate_advantage

# The smallest cost of a step in `session_losses`, as a fraction of the mean cost. Without it a
# learned cost that is too low could make a user's worth infinite.
_LEAST_COST = 0.1


class SlateValues(NamedTuple):
    """Choice weights and values, which give a slate its value, for B users and N candidates."""

    weights: tf.Tensor  # [B, N] choice weights
    no_click_weight: tf.Tensor  # [B]
    advantages: tf.Tensor  # [B, N], values of a click on each candidate relative to no click
    q_no_click: tf.Tensor  # [B]

    @classmethod
    def of(
        cls,
        weights: tf.Tensor,
        no_click_weight: tf.Tensor,
        q_items: tf.Tensor,
        q_no_click: tf.Tensor,
    ) -> Self:
        """The values from values of clicks [B, N] and of no click [B]."""
        advantages = q_items - q_no_click[:, tf.newaxis]
        return cls(weights, no_click_weight, advantages, q_no_click)

    @property
    def q_items(self) -> tf.Tensor:
        """The value of a click on each candidate, [B, N]."""
        return self.advantages + self.q_no_click[:, tf.newaxis]

    def click_probabilities(self, is_shown: tf.Tensor) -> tf.Tensor:
        """The probabilities of a click on each candidate, [B, N], for slates of the documents with
        `is_shown`, bool [B, N].
        """
        shown = tf.where(is_shown, self.weights, 0.0)
        total = tf.reduce_sum(shown, axis=1) + self.no_click_weight
        return tf.math.divide_no_nan(shown, total[:, tf.newaxis])

    def best_slate(self, optimizer: SlateOptimizer, slate_size: int) -> tf.Tensor:
        """The best slates by a slate optimiser, int32 [B, K]."""
        return optimizer(self.weights, self.no_click_weight, self.advantages, slate_size)

    def slate_value(self, slate: tf.Tensor) -> tf.Tensor:
        """The mean value of the user's choice from a slate int32 [B, K], [B]."""
        return self.q_no_click + slate_advantage(
            self.weights, self.no_click_weight, self.advantages, slate
        )

    def explanation(self, slate: tf.Tensor) -> Explanation:
        """The values and click probabilities that explain the choice of a slate int32 [B, K]."""
        is_shown = tf.reduce_any(slate[:, :, tf.newaxis] == tf.range(self.weights.shape[1]), axis=1)
        probabilities = self.click_probabilities(is_shown)
        return Explanation(
            candidates={
                "Q - Q(no click)": self.advantages,
                "Q": self.q_items,
                "click weight": self.weights,
                "P(click)": tf.where(is_shown, probabilities, float("nan")),
            },
            user={
                "Q(no click)": self.q_no_click,
                "P(no click)": 1 - tf.reduce_sum(probabilities, axis=1),
            },
        )


class Choices(NamedTuple):
    """Slates, clicks and targets of B users."""

    slate: tf.Tensor  # int32 [B, K], -1 at empty positions
    clicked: tf.Tensor  # [B, K], 1 at the click
    reward_target: tf.Tensor  # [B], scaled reward of the coming steps, without gradient
    # Ends of sessions in the coming steps times the scaled mean return, [B], without gradient; 0 if
    # the reward target has subtracted them.
    cost_target: tf.Tensor
    reward: tf.Tensor  # [B], scaled reward of this step
    valid: tf.Tensor  # [B], weights of the transitions

    @property
    def has_click(self) -> tf.Tensor:
        """The number 1 where there was a click, else 0, [B]."""
        return tf.reduce_sum(self.clicked, axis=-1)

    @property
    def target(self) -> tf.Tensor:
        """The target of values, [B]."""
        return self.reward_target - self.cost_target

    @property
    def clicked_document(self) -> tf.Tensor:
        """The document that was clicked, or else the first of the slate, int32 [B, 1]."""
        return tf.gather(self.slate, tf.argmax(self.clicked, axis=-1)[:, tf.newaxis], batch_dims=1)


class Totals(NamedTuple):
    """Sums over the valid transitions of a whole batch, scalars."""

    steps: tf.Tensor
    clicks: tf.Tensor
    reward: tf.Tensor
    ends: tf.Tensor  # ends of sessions

    @classmethod
    def of(cls, transitions: Transitions, clicked: tf.Tensor) -> "Totals":
        """The sums over transitions [B, T] with first clicks [B, T, K]."""
        steps, valid = transitions.steps, transitions.valid
        has_click = tf.reduce_sum(clicked, axis=-1)
        return cls(
            *batch_sums(
                valid, valid * has_click, valid * steps.reward, valid * (1 - steps.discount)
            )
        )


class ValueLosses(NamedTuple):
    """Values of clicks and of no click, [B], and their losses, scalars."""

    q_click: tf.Tensor
    q_no_click: tf.Tensor
    td_loss: tf.Tensor
    worth_loss: tf.Tensor


def with_documents(steps: trajectory.Trajectory, slate: tf.Tensor) -> trajectory.Trajectory:
    """Steps [B, T] whose candidates are the documents of slates int32 [B * T, K]."""
    documents = nests.take(nests.merge_outer(steps.observation.documents), tf.maximum(slate, 0))
    outer = tf.shape(steps.step_type)
    documents = tf.nest.map_structure(
        lambda leaf: tf.reshape(leaf, tf.concat([outer, leaf.shape[1:]], axis=0)), documents
    )
    return steps._replace(observation=steps.observation._replace(documents=documents))


def first_clicks(following: trajectory.Trajectory) -> tf.Tensor:
    """The first click on each slate as a 1, float32 [B, T, K], from the following frames."""
    clicked = tf.cast(following.observation.response.clicked, tf.float32)
    return tf.where(tf.cumsum(clicked, axis=-1, exclusive=True) > 0, 0.0, clicked)


def value_losses(
    q_items: tf.Tensor,
    q_no_click: tf.Tensor,
    choices: Choices,
    totals: Totals,
    learns_no_click: bool,
) -> ValueLosses:
    """The mean squared error of the value of the user's choice.

    Args:
      q_items: value of the document that was clicked, [B, 1]; any value without a click.
      q_no_click: value of no click, [B].
      choices: the choices of B users.
      totals: the sums over the batch.
      learns_no_click: whether steps without a click count.
    """
    q_click = tf.squeeze(q_items, axis=-1)
    has_click, valid = choices.has_click, choices.valid
    q = has_click * q_click + (1 - has_click) * q_no_click
    weights, total = (
        (valid, totals.steps) if learns_no_click else (valid * has_click, totals.clicks)
    )
    loss = weighted_mean(tf.square(q - choices.target), weights, total)
    return ValueLosses(q_click, q_no_click, loss, tf.zeros([]))


def session_losses(
    values: SessionValues, choices: Choices, probabilities: tf.Tensor, totals: Totals
) -> tuple[tf.Tensor, tf.Tensor]:
    """The losses of a `SessionQNetwork`.

    The return after a choice differs between users much more than between choices. So the effect of
    a click is regressed on the click less its probability. It is then not confounded with the user,
    even before the mean of such users is learned (Robinson 1988, "Root-N-consistent semiparametric
    regression"; the R-learner of Nie & Wager 2021, arXiv 1712.04912, with known propensities).

    Args:
      values: values of the documents shown, so that N is K.
      choices: the choices of B users.
      probabilities: probabilities of a click on each document shown, [B, K].
      totals: the sums over the batch, with the scaled reward.

    Returns:
      The sum of the mean squared errors of rewards and costs, and the mean Poisson loss of the
      worth of sessions, divided by the mean reward, scalars.
    """
    total, valid = totals.steps, choices.valid

    def squared_error(mean: tf.Tensor, over: tf.Tensor, target: tf.Tensor):
        returned = mean + tf.reduce_sum((choices.clicked - probabilities) * over, axis=-1)
        return weighted_mean(tf.square(returned - target), valid, total)

    errors = squared_error(
        values.reward, values.reward_over, choices.reward_target
    ) + squared_error(values.cost, values.cost_over, choices.cost_target)
    # The part of a session that the user's choice takes. Relative to no click it does not depend on
    # the session's age. The mean cost equals the mean reward, since a session costs its return.
    over = tf.stop_gradient(tf.reduce_sum(probabilities * values.cost_over, axis=-1))
    mean_over = tf.math.divide_no_nan(batch_sums(valid * over)[0], total)
    mean_reward = tf.math.divide_no_nan(totals.reward, total)
    cost = tf.maximum(over - mean_over + mean_reward, _LEAST_COST * mean_reward)
    poisson = cost * tf.exp(values.log_worth) - choices.reward * values.log_worth
    # The loss is 0 if there is no reward.
    weights = valid * tf.cast(mean_reward > 0, valid.dtype)
    return errors, tf.math.divide_no_nan(weighted_mean(poisson, weights, total), mean_reward)


def choice_loss(
    logits: tf.Tensor, no_click_logit: tf.Tensor, choices: Choices, totals: Totals
) -> tf.Tensor:
    """Mean negative log-likelihood of the user's choice under a multinomial logit over the slate
    and "no click", a scalar.

    Args:
      logits: logits of the documents shown, [B, K].
      no_click_logit: logit of no click, [B].
      choices: the choices of B users.
      totals: the sums over the batch.
    """
    outcome = tf.concat([choices.clicked, 1 - choices.has_click[:, tf.newaxis]], axis=-1)
    # The logit of an empty position is finite, since its outcome is 0 and 0 * inf is not 0.
    logits = tf.where(choices.slate >= 0, logits, logits.dtype.min)
    log_probs = tf.nn.log_softmax(tf.concat([logits, no_click_logit[:, tf.newaxis]], axis=-1))
    return weighted_mean(-tf.reduce_sum(outcome * log_probs, axis=-1), choices.valid, totals.steps)
