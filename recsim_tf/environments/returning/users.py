"""A user model of which a session is a lifetime of many visits."""

from collections.abc import Collection
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range, shown
from recsim_tf.core.base.types import Nest, Slate, Turn
from recsim_tf.core.distributions import Given, ReturnTime
from recsim_tf.core.distributions.joint import joint, masked, part
from recsim_tf.core.models.evidence import evidence_of, prepared_by
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.models.wording import Wording, wording_of

# Of days: float32 has no numbers for the exponential of much more.
LARGEST_LOG = 50.0
# Agents see which of the first visits it is.
MAX_VISIT = 10


class ReturningState(NamedTuple):
    """State of users who come back."""

    user: Nest  # the state of the wrapped users, a nest of [B, ...]
    day: tf.Tensor  # [B], days from the first visit to this one; the horizon when all is over
    days_away: tf.Tensor  # [B], days between the visit before and this one; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1
    step: tf.Tensor  # int32 [B], steps of this visit so far


class ReturningObservation(NamedTuple):
    """What agents see of users who come back. Times are parts of the horizon, so that networks can
    take them.
    """

    user: Nest  # what they see of the wrapped users
    time: tf.Tensor  # [B], from the first visit to this one, in [0, 1]
    time_away: tf.Tensor  # [B], between the visit before and this one, in [0, 1]; 0 in the first
    visit: tf.Tensor  # int32 [B], the number of this visit, from 1; MAX_VISIT for all later ones
    # int32 [B], steps of this visit so far; bounded where users have `visit_steps`
    step: tf.Tensor


class ReturningWording(Wording):
    """The words of the wrapped users, and the visits beside their state.

    Args:
      users: the words of the wrapped users.
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


@gin.configurable
class ReturningUsers(UserModel[ReturningState, Any, Any]):
    """Users who come back: a session of this model is a lifetime, in which users of another model
    visit again and again.

    Where the wrapped users would leave, a visit ends. Then the days until the next one are drawn,
    as `core.distributions.ReturnTime`: one draw, which says how long the user is away, or that
    nobody sees the user again within the horizon. The lifetime ends with the latter. So churn and
    the horizon need no draws of their own, and a log with timestamps holds all that is drawn. The
    steps of a visit take no time on this clock.

        users = ReturningUsers(LongTermSatisfactionUsers(time_budget=10.0), horizon=60.0,
                               kept=("net_positive_exposure",))

    By default the gaps of all users are log-normal, and a user who comes back is as a new one but
    for the fields in `kept`. Override the methods `gap`, `churn`, `restart` and `next_visit` for
    gaps that depend on the state, and for memories that fade.

    The state is a `ReturningState`, what agents see a `ReturningObservation`. The innovation has
    the fields `users`, that of the wrapped users, where they draw one, and `visit`: `ends`, 1 where
    the visit ends at this step; `days`, see `ReturnTime`, 0 where the visit goes on; and `restart`,
    what is drawn for a visit that begins. `ends` is scored where the wrapped users leave by a
    hazard. Where they leave by a rule, or by `visit_steps`, it is recorded and not scored. A
    parameter of the wrapped users has a name with a dot, "users.time_budget".

    Args:
      users: the wrapped users.
      horizon: days from the first visit to the end of the lifetime, positive.
      kept: names of the fields of the wrapped users' state that stay as they are until the next
        visit; the state is then a NamedTuple or a dictionary.
      visit_steps: None, or the steps after which a visit ends at the latest.
      gap_loc: mean of the logarithm of the days between two visits, in [-50, 50].
      gap_scale: standard deviation of that logarithm, positive.
      churn_prob: probability that a visit is the last one, in [0, 1].
      daily_discount: None, or what a reward of tomorrow is worth today, in (0, 1].
      dtype: that of the wrapped users, which is taken by default.

    Raises:
      ValueError: if an argument is out of range, or if `users` is no user model.
    """

    users: UserModel
    horizon: float = 30.0
    kept: tuple[str, ...] = ()
    visit_steps: int | None = None
    gap_loc: Any = parameter(0.5, low=-LARGEST_LOG, high=LARGEST_LOG)
    gap_scale: Any = parameter(1.0, above=0)
    churn_prob: Any = parameter(0.0, low=0, high=1)
    daily_discount: float | None = None

    def check(self):
        validation.check_type("users", self.users, UserModel)
        if self.dtype not in (tf.float32, self.users.dtype):
            name = self.users.dtype.name
            raise ValueError(f"dtype must be that of users, {name}, got {self.dtype.name}")
        self.dtype = self.users.dtype
        Range(above=0).check_number("horizon", self.horizon)
        if not isinstance(self.kept, tuple) or not all(isinstance(each, str) for each in self.kept):
            raise ValueError(f"kept must be a tuple of names of fields, got {shown(self.kept)}")
        if self.visit_steps is not None:
            validation.check_count(visit_steps=self.visit_steps)
        if self.daily_discount is not None:
            Range(above=0, high=1).check_number("daily_discount", self.daily_discount, "None")

    # What the author of a model of returns overrides.

    def gap(self, state: ReturningState) -> tfd.Distribution:
        """The distribution, of batch shape [B], of the days until the next visit, if there is one:
        positive, with a `cdf`.

        Args:
          state: in which the visit ended.
        """
        loc = tf.broadcast_to(self.per_user("gap_loc"), tf.shape(state.day))
        return tfd.LogNormal(loc, self.per_user("gap_scale"))

    def churn(self, state: ReturningState) -> tf.Tensor:
        """The probability that there is no next visit, [B] or [], in [0, 1].

        Args:
          state: in which the visit ended.
        """
        return self.per_user("churn_prob")

    def restart(self, state: ReturningState) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of what is drawn when a visit begins, or None; by
        default the initial draws of the wrapped users.

        Args:
          state: in which the visit before ended.
        """
        return self.users.initial_draws(nests.num_rows(state))

    def next_visit(self, state: ReturningState, days: tf.Tensor, draws: Nest) -> Nest:
        """Maps the state in which a visit ended to the state of the wrapped users in which the next
        one begins; by default that of new users, with the fields in `kept` as they were.

        Args:
          state: in which the visit ended.
          days: [B], since then; 0 in rows that nobody reads.
          draws: of `restart`, () where there are none.
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

    # A step.

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
        """A rule: who is not seen again within the horizon."""
        return state.day >= self._horizon

    def discount(self, state: ReturningState, next_state: ReturningState):
        """[B]: what a reward of the next state is worth in this one, `daily_discount` for each day
        between them; None where days do not count.
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
        """The state after a step, if the visit goes on or ends with it."""
        user = self.users.update(state.user, slate, response, innovation)
        return state._replace(user=user, step=state.step + 1)

    def _visit(self, state: ReturningState) -> tfd.Distribution:
        """The distribution of what becomes of a visit.

        Args:
          state: after the step.
        """

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

    # As the wrapped users.

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

    def check_documents(self, documents: Nest, slate_size: int):
        self.users.check_documents(documents, slate_size)

    # What is seen.

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
