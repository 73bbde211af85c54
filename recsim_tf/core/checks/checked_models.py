# SPDX-License-Identifier: Apache-2.0
"""Models of users and of documents whose methods are checked at every call."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.types import Nest, Slate, Turn
from recsim_tf.core.checks.methods import (
    Method,
    check_bounds,
    check_distribution,
    check_like,
    check_tensor,
    check_tensors,
    checked,
    checked_or_none,
    described,
    same,
)
from recsim_tf.core.distributions import log_prob, num_outcomes
from recsim_tf.core.models.evidence import PreparingUsers
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.nests import fields_of

# The least log-probability of a possible choice. Models may write "never" as a finite logit, which
# gives a smaller one.
_POSSIBLE = -20.0
_MAX_OUTCOMES = 32
# The rounding of a log-probability.
_SAME_LOG_PROB = 1e-3


class CheckedUsers(UserModel):
    """Users that check the results of a user model's methods, with one-line faults."""

    users: UserModel
    num_users: int  # B
    slate_size: int  # K

    def initial_draws(self, num_users: int):
        method = Method.of(self.users, "initial_draws")
        return check_distribution(method, num_users, users=self.num_users)[0]

    def initial_state(self, draws: Nest):
        return checked(self.users, "initial_state", draws, users=self.num_users)

    def response(self, state: Nest, slate: Slate):
        method = Method.of(self.users, "response")
        distribution, draws = check_distribution(method, state, slate, users=self.num_users)
        self._check_empty_positions(method, distribution, draws, state, slate)
        self._check_likelihood(distribution, draws, state, slate)
        return distribution

    def outcome(self, state: Nest, slate: Slate, draw: Nest):
        method = Method.of(self.users, "outcome")
        response = method.pure(state, slate, draw)
        check_tensors(method, response, users=self.num_users)
        if "clicked" not in fields_of(response):
            method.refuse("must return a NamedTuple with a field clicked", type(response).__name__)
        axes = {"users": self.num_users, "positions": self.slate_size}
        check_tensor(method, response.clicked, "float", "clicked", **axes)
        return response

    def innovation(self, state: Nest, slate: Slate, response: Nest):
        arguments = ("innovation", state, slate, response)
        return checked_or_none(self.users, *arguments, users=self.num_users)

    def update(self, state: Nest, slate: Slate, response: Nest, innovation: Nest):
        method = Method.of(self.users, "update")
        updated = method.pure(state, slate, response, innovation)
        check_like(method, updated, state, "initial_state")
        check_tensors(method, updated, users=self.num_users)
        return updated

    def departure(self, state: Nest):
        method = Method.of(self.users, "departure")
        leaves = method(state)
        if not isinstance(leaves, tfd.Distribution):
            check_tensor(method, leaves, "bool", users=self.num_users)
            return method.pure(state)
        distribution, draws = check_distribution(method, state, users=self.num_users)
        for draw in draws:
            if not tf.is_tensor(draw) or draw.shape != [self.num_users]:
                method.refuse("must draw one number for each user", described(draw))
            others = draw[(draw != 0) & (draw != 1)]
            if len(others):
                method.refuse(
                    "must return a distribution over 0 and 1", f"the draw {others[0].numpy()}"
                )
        return distribution

    def discount(self, state: Nest, next_state: Nest):
        method = Method.of(self.users, "discount")
        if method(state, next_state) is None:
            return None
        discount = method.pure(state, next_state)
        check_tensor(method, discount, "float", users=self.num_users)
        outside = discount[~((discount >= 0) & (discount <= 1))]
        if len(outside):
            method.refuse("must return discounts in [0, 1]", outside[0].numpy())
        return discount

    def observe(self, state: Nest):
        observation = self._seen("observe", state)
        check_bounds(self.users, "observe", observation, "observation_bounds")
        return observation

    def observe_response(self, response: Nest):
        observed = self._seen("observe_response", response)
        check_bounds(self.users, "observe_response", observed, "response_bounds")
        return observed

    def turn_conditions(self, turn: Turn):
        method = Method.of(self.users, "turn_conditions")
        conditions = method(turn)
        for condition, _ in conditions:
            check_tensor(method, condition, "bool", "conditions", users=self.num_users)
        return conditions

    def _seen(self, name: str, argument):
        return checked(self.users, name, argument, may_be_empty=True, users=self.num_users)

    def _check_empty_positions(
        self, method: Method, distribution: tfd.Distribution, draws: Nest, state: Nest, slate: Slate
    ) -> None:
        """Requires that no empty position of a slate can be clicked."""
        if tf.reduce_all(slate.mask):
            return
        with method.guarded():
            outcomes = num_outcomes(distribution)
            if outcomes is not None:
                draws = [
                    tf.fill([self.num_users], tf.cast(outcome, distribution.dtype))
                    for outcome in range(min(outcomes, _MAX_OUTCOMES))
                ]
            possible = [log_prob(distribution, draw) > _POSSIBLE for draw in draws]
        for draw, is_possible in zip(draws, possible, strict=True):
            clicked = self.outcome(state, slate, draw).clicked
            wrong = is_possible[:, tf.newaxis] & ~slate.mask & (clicked != 0)
            if tf.reduce_any(wrong):
                outcome = Method.of(self.users, "outcome").name
                method.refuse(
                    f"and {outcome} must not click an empty position, where slate.mask is False",
                    f"clicked {clicked[wrong][0]}",
                )

    def _check_likelihood(
        self, distribution: tfd.Distribution, draws: Nest, state: Nest, slate: Slate
    ) -> None:
        """Requires the observed response to be as probable as the draw, or more probable where only
        a part of the draw is observed. Users without a `likelihood` and `recorded_draw` pass.
        """
        # A user model that wraps another user model, such as returning users, leaves both to it.
        kind: Any = type(getattr(self.users, "users", self.users))
        has_likelihood = kind.likelihood is not UserModel.likelihood
        if not has_likelihood and kind.recorded_draw is UserModel.recorded_draw:
            return
        method = Method.of(self.users, "likelihood" if has_likelihood else "recorded_draw")
        for draw in draws:
            seen = self.observe_response(self.outcome(state, slate, draw))
            evidence = seen
            if isinstance(self.users, PreparingUsers):
                evidence = Method.of(self.users, "evidence").pure(seen)
            sees_parts = has_likelihood or evidence is not seen
            if not has_likelihood:
                method.pure(slate, seen)
            likelihood = Method.of(self.users, "likelihood").pure(state, slate, seen)
            check_tensor(method, likelihood, "float", users=self.num_users)
            of_draw = log_prob(distribution, draw)
            wrong = of_draw - likelihood if sees_parts else tf.abs(of_draw - likelihood)
            is_comparable = not sees_parts or num_outcomes(distribution) is not None
            # Every comparison with NaN is false, so NaN is refused.
            if is_comparable and not tf.reduce_all(wrong < _SAME_LOG_PROB):
                user = int(tf.argmin(tf.cast(wrong < _SAME_LOG_PROB, tf.int32)))
                method.refuse(
                    "must make the observed response as probable as the draw,"
                    f" {of_draw[user].numpy():.4f}",
                    f"{likelihood[user].numpy():.4f}",
                )


class CheckedDocuments(DocumentModel):
    """Documents that check the results of a document model's methods, with one-line faults."""

    documents: DocumentModel
    num_corpora: int  # W
    num_candidates: int  # N

    @property
    def shared(self):
        return self.documents.shared

    def initial_draws(self, num_corpora: int):
        return checked_or_none(self.documents, "initial_draws", num_corpora, **self._corpora)

    def initial_state(self, draws: Nest, num_corpora: int):
        arguments = ("initial_state", draws, num_corpora)
        return checked(self.documents, *arguments, may_be_empty=True, **self._corpora)

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        method = Method.of(self.documents, "candidates")
        axes = {**self._corpora, "candidates": self.num_candidates}
        arguments = (num_corpora, num_candidates, corpus, user)
        distribution, draws = check_distribution(method, *arguments, **axes)
        for draw in draws:
            self._check_kinds(method, draw)
        return distribution

    def describe(self, draw: Nest, corpus: Nest):
        documents = checked(self.documents, "describe", draw, corpus, **self._axes(draw))
        num_kinds = self.documents.num_kinds
        if num_kinds is not None and not self.documents.users_of_parameters():
            observe = Method.of(self.documents, "observe")
            # Kinds are described without a corpus.
            name = f"{type(self.documents).__name__}.describe(kinds, ()), as num_kinds asks"
            kinds = Method(name, self.documents.describe)(tf.range(num_kinds)[tf.newaxis], ())
            of_kinds = tf.nest.map_structure(lambda leaf: tf.gather(leaf[0], draw), observe(kinds))
            if not same(of_kinds, observe(documents)):
                observe.refuse(
                    "must depend on the kinds of documents alone, which num_kinds says",
                    "something else of the same kind",
                )
        return documents

    def _check_kinds(self, method: Method, draw: Nest) -> None:
        """Requires the draw of documents that have kinds to be these kinds."""
        num_kinds = self.documents.num_kinds
        if num_kinds is None:
            return
        expected = f"must draw kinds, int32 in [0, num_kinds={num_kinds})"
        if tf.nest.is_nested(draw) or draw.dtype != tf.int32:
            method.refuse(expected, described(draw))
        outside = draw[(draw < 0) | (draw >= num_kinds)]
        if len(outside):
            method.refuse(expected, int(outside[0]))

    def reveal(self, documents: Nest):
        return checked_or_none(self.documents, "reveal", documents, **self._axes(documents))

    def show(self, documents: Nest, hidden: Nest):
        return checked(self.documents, "show", documents, hidden, **self._axes(documents))

    def innovation(self, corpus: Nest, slate: Slate, response: Nest):
        arguments = ("innovation", corpus, slate, response)
        return checked_or_none(self.documents, *arguments, **self._corpora)

    def update(self, corpus: Nest, slate: Slate, response: Nest, innovation: Nest):
        method = Method.of(self.documents, "update")
        updated = method.pure(corpus, slate, response, innovation)
        check_like(method, updated, corpus, "initial_state")
        check_tensors(method, updated, may_be_empty=True, **self._corpora)
        return updated

    def observe(self, documents: Nest):
        observation = checked(self.documents, "observe", documents, **self._axes(documents))
        check_bounds(self.documents, "observe", observation, "observation_bounds")
        return observation

    @property
    def _corpora(self) -> dict[str, Any]:
        """The axis of corpora."""
        return {"worlds" if self.shared else "users": self.num_corpora}

    def _axes(self, documents: Nest) -> dict[str, Any]:
        """The axes of candidates, or of the documents of a slate."""
        rows, num_documents = tf.nest.flatten(documents)[0].shape[:2]
        # The slates of a shared corpus have a row for each user.
        axes = self._corpora if rows == self.num_corpora else {"users": rows}
        return {**axes, "documents": num_documents}
