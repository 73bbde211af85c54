# SPDX-License-Identifier: Apache-2.0
"""A user model whose sessions are lifetimes of many visits."""

from collections.abc import Collection
from typing import Annotated, Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, Positive, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range, shown
from recsim_tf.core.base.types import Nest, Slate, Turn
from recsim_tf.core.distributions import Given, ReturnTime
from recsim_tf.core.distributions.joint import joint, masked, part
from recsim_tf.core.models.evidence import evidence_of, prepared_by
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.models.wording import Wording, wording_of

# The largest logarithm of days. Float32 cannot hold the exponential of a much larger number.
LARGEST_LOG = 50.0
# Agents see the number of a visit up to this number.
MAX_VISIT = 10


class ReturningState(NamedTuple):
    """The state of users who come back."""

    user: Nest  # the state of the wrapped users, a nest of [B, ...]
    day: tf.Tensor  # [B], days from the first visit to this visit; the horizon after the last
    days_away: tf.Tensor  # [B], days between the previous visit and this visit; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1
    step: tf.Tensor  # int32 [B], steps of this visit so far


class ReturningObservation(NamedTuple):
    """The observation of users who come back, with times as parts of the horizon, for networks."""

    user: Nest  # the observation of the wrapped users
    time: tf.Tensor  # [B], from the first visit to this visit, in [0, 1]
    time_away: tf.Tensor  # [B], from the previous visit to this visit, in [0, 1]; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1 to at most MAX_VISIT
    # int32 [B], steps of this visit so far; bounded where users have `visit_steps`
    step: tf.Tensor


class ReturningWording(Wording):
    """The wording of the wrapped users, with the visits beside their state.

    Args:
      users: the wording of the wrapped users.
    """

    def __init__(self, users: Wording):
        self._users = users

    def query(self, query: Nest, documents: Nest):
        return self._users.query(query, documents)

    def document(self, document: Nest):
        return self._users.document(document)

    def response(self, response: Nest, documents: Nest, query: Nest):
        return self._users.response(response, documents, query)

    def user(self, user: Nest):
        return user._replace(user=self._users.user(user.user))


@configurable
class ReturningUsers(UserModel[ReturningState, Any, Any]):
    """Users who come back. A session of this model is a lifetime, in which users of a wrapped model
    visit again and again.

    A visit ends where the wrapped users would leave. Then the days until the next visit are drawn
    from `core.distributions.ReturnTime`. One draw is either the days away, or means that the user
    does not come back within the horizon, which ends the lifetime. So churn and the horizon need no
    separate draws, and a log with timestamps holds all draws. The steps of a visit take no time on
    this clock.

        users = ReturningUsers(LongTermSatisfactionUsers(time_budget=10.0), horizon=60.0,
                               kept=("net_positive_exposure",))

    By default the gaps of all users are log-normal, and the state of a user who comes back is new
    except for the fields in `kept`. A subclass may override the methods `gap`, `churn`, `restart`
    and `next_visit`, for gaps that depend on the state, and for memories that fade.

    The state is a `ReturningState`, and the observation a `ReturningObservation`. The innovation
    has the fields `users`, the innovation of the wrapped users where they draw one, and `visit`.
    The fields of `visit` are `ends`, 1 where the visit ends at this step; `days`, see `ReturnTime`,
    0 where the visit goes on; and `restart`, the draws for a visit that begins. `ends` is scored
    where the wrapped users leave by a hazard. Where they leave by a rule, or by `visit_steps`, it
    is recorded and not scored. A parameter of the wrapped users has a name with a dot,
    "users.time_budget".

    Args:
      users: the wrapped users.
      horizon: the number of days from the first visit to the end of the lifetime, positive.
      kept: the names of the fields of the wrapped users' state that do not change until the next
        visit; the state is then a NamedTuple or a dictionary.
      visit_steps: None, or the number of steps after which a visit ends at the latest.
      gap_loc: the mean of the logarithm of the days between two visits, in [-50, 50].
      gap_scale: the standard deviation of that logarithm, positive.
      churn_prob: the probability that a visit is the last, in [0, 1].
      daily_discount: None, or the value today of a unit of reward tomorrow, in (0, 1].
      dtype: the dtype of the wrapped users, which is the default.

    Raises:
      ValueError: if an argument is out of range, or if `users` is no user model.
    """

    users: UserModel
    horizon: Positive = 30.0
    kept: tuple[str, ...] = ()
    visit_steps: Count | None = None
    gap_loc: Any = parameter(0.5, low=-LARGEST_LOG, high=LARGEST_LOG)
    gap_scale: Any = parameter(1.0, above=0)
    churn_prob: Any = parameter(0.0, low=0, high=1)
    daily_discount: Annotated[float, Range(above=0, high=1)] | None = None

    def check(self):
        if self.dtype not in (tf.float32, self.users.dtype):
            name = self.users.dtype.name
            raise ValueError(f"dtype must be the dtype of users, {name}, got {self.dtype.name}")
        self.dtype = self.users.dtype
        if not isinstance(self.kept, tuple) or not all(isinstance(each, str) for each in self.kept):
            raise ValueError(f"kept must be a tuple of names of fields, got {shown(self.kept)}")

    # The methods that the author of a model of returns overrides.

    def gap(self, state: ReturningState) -> tfd.Distribution:
        """The distribution, of batch shape [B], of the days from the end of a visit in `state`
        until the next visit, if there is one. It is positive and has a `cdf`.
        """
        loc = tf.broadcast_to(self.per_user("gap_loc"), tf.shape(state.day))
        return tfd.LogNormal(loc, self.per_user("gap_scale"))

    def churn(self, state: ReturningState) -> tf.Tensor:
        """The probability that a visit that ends in `state` is the last, [B] or [], in [0, 1]."""
        return self.per_user("churn_prob")

    def restart(self, state: ReturningState) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of the draws for a visit that begins, or None;
        `state` is the end of the previous visit. By default these are the initial draws of the
        wrapped users.
        """
        return self.users.initial_draws(nests.num_rows(state))

    def next_visit(self, state: ReturningState, days: tf.Tensor, draws: Nest) -> Nest:
        """Maps the state at the end of a visit to the state of the wrapped users at the start of
        the next visit. By default it is the state of new users with the old fields in `kept`.

        Args:
          state: the state at the end of the visit.
          days: [B], the days since then; 0 in rows that are not used.
          draws: the draws of `restart`, () where there are none.
        """
        begun = self.users.initial_state(draws)
        if not self.kept:
            return begun
        fields = begun if isinstance(begun, dict) else begun._asdict()
        unknown = [name for name in self.kept if name not in fields]
        if unknown:
            raise ValueError(
                f"kept must be fields of the state, {', '.join(fields)}, got {unknown[0]!r}"
            )
        before = state.user if isinstance(begun, dict) else state.user._asdict()
        stay = {name: before[name] for name in self.kept}
        return {**begun, **stay} if isinstance(begun, dict) else begun._replace(**stay)

    # The stages of a step.

    def initial_draws(self, num_users: int):
        return self.users.initial_draws(num_users)

    def initial_state(self, draws: Nest):
        user = self.users.initial_state(draws)
        num_users = nests.num_rows(user)
        day, count = tf.zeros([num_users], self.dtype), tf.zeros([num_users], tf.int32)
        return ReturningState(user, day=day, days_away=day, visit=count + 1, step=count)

    def innovation(self, state: ReturningState, slate: Slate, response: Nest):
        inner = self.users.innovation(state.user, slate, response)

        def visit(users: Nest):
            return self._visit(self._stepped(state, slate, response, users))

        return joint("Innovation", {"users": inner, "visit": visit(()) if inner is None else visit})

    def update(self, state: ReturningState, slate: Slate, response: Nest, innovation: Nest):
        stays = self._stepped(state, slate, response, part(innovation, "users"))
        ends, days = tf.cast(innovation.visit.ends, tf.bool), innovation.visit.days
        is_back = ends & self._is_back(state, days)
        away = tf.where(is_back, days, tf.zeros_like(days))
        begins = ReturningState(
            user=self.next_visit(stays, away, part(innovation.visit, "restart")),
            day=state.day + away,
            days_away=away,
            visit=state.visit + 1,
            step=tf.zeros_like(state.step),
        )
        over = stays._replace(day=tf.fill(tf.shape(state.day), self._horizon))
        return nests.where(is_back, begins, nests.where(ends, over, stays))

    def departure(self, state: ReturningState):
        """The rule by which users leave: they do not come back within the horizon."""
        return state.day >= self._horizon

    def discount(self, state: ReturningState, next_state: ReturningState):
        """The discount of rewards after this state, [B], `daily_discount` for each day until the
        next state; None without a `daily_discount`.
        """
        if self.daily_discount is None:
            return None
        return tf.constant(self.daily_discount, self.dtype) ** (next_state.day - state.day)

    @property
    def _horizon(self) -> tf.Tensor:
        return tf.constant(self.horizon, self.dtype)

    def _is_back(self, state: ReturningState, days: tf.Tensor) -> tf.Tensor:
        return (days > 0) & (days < self._horizon - state.day)

    def _stepped(
        self, state: ReturningState, slate: Slate, response: Nest, innovation: Nest
    ) -> ReturningState:
        """The state after a step of the visit, before a next visit begins."""
        user = self.users.update(state.user, slate, response, innovation)
        return state._replace(user=user, step=state.step + 1)

    def _visit(self, state: ReturningState) -> tfd.Distribution:
        """The distribution of the field `visit` of the innovation, by the state after the step."""

        def days(ends: tf.Tensor):
            gap = ReturnTime(
                self.gap(state), self.churn(state), self._horizon - state.day, self.horizon
            )
            return tfd.Masked(gap, tf.cast(ends, tf.bool), lambda gap: tf.zeros_like(gap.remaining))

        restart = self.restart(state)

        def begins(days: tf.Tensor):
            return masked(restart, self._is_back(state, days))

        return joint(
            "Visit",
            {
                "ends": self._ending(state),
                "days": days,
                "restart": None if restart is None else begins,
            },
        )

    def _ending(self, state: ReturningState) -> tfd.Distribution:
        departure = self.users.departure(state.user)
        steps = self.visit_steps
        is_last = None if steps is None else state.step >= steps
        if isinstance(departure, tfd.Distribution):
            if is_last is None:
                return departure
            return tfd.Masked(departure, ~is_last, lambda d: tf.ones(d.batch_shape, d.dtype))
        ends = departure if is_last is None else departure | is_last
        return Given(tf.cast(ends, tf.int32), self.dtype)

    # The methods that the wrapped users answer.

    def response(self, state: ReturningState, slate: Slate):
        return self.users.response(state.user, slate)

    def outcome(self, state: ReturningState, slate: Slate, draw: Nest):
        return self.users.outcome(state.user, slate, draw)

    def observe_response(self, response: Nest):
        return self.users.observe_response(response)

    def response_bounds(self):
        return self.users.response_bounds()

    def recorded_draw(self, slate: Slate, seen: Nest):
        return self.users.recorded_draw(slate, seen)

    def evidence(self, seen: Nest):
        return evidence_of(self.users, seen)

    def prepared(self, draw: Nest, fitted: Collection[str]):
        inner = [name.removeprefix("users.") for name in fitted if name.startswith("users.")]
        return prepared_by(self.users, draw, inner)

    def likelihood(self, state: ReturningState, slate: Slate, seen: Nest):
        return self.users.likelihood(state.user, slate, seen)

    def turn_conditions(self, turn: Turn):
        return self.users.turn_conditions(turn)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        self.users.check_documents(documents, slate_size)

    # The observation of users.

    def observe(self, state: ReturningState):
        return ReturningObservation(
            user=self.users.observe(state.user),
            time=state.day / self._horizon,
            time_away=state.days_away / self._horizon,
            visit=tf.minimum(state.visit, MAX_VISIT),
            step=state.step,
        )

    def observation_bounds(self):
        return ReturningObservation(
            user=self.users.observation_bounds(),
            time=Bounds(0.0, 1.0),
            time_away=Bounds(0.0, 1.0),
            visit=Bounds(1, MAX_VISIT),
            step=Bounds(0, self.visit_steps),
        )

    def wording(self) -> Wording:
        return ReturningWording(wording_of(self.users))
