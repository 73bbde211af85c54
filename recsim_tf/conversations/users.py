# SPDX-License-Identifier: Apache-2.0
"""Users who choose, answer, rate, critique and refine.

A reply is a symbol of a finite alphabet: a mode, and a value in it. Its probabilities depend on the
user's taste, and on the user's sense of each attribute. So every reply is evidence of the taste.
The same model is sampled, scored, fitted, and used by an agent that infers tastes.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.conversations import acts
from recsim_tf.conversations.acts import Act, Mode
from recsim_tf.conversations.documents import Items, degrees, ideal, in_sense, random_directions
from recsim_tf.conversations.parts import (
    Answers,
    Critiques,
    Dwell,
    Patience,
    Ratings,
    Refinements,
    Trust,
    Views,
)
from recsim_tf.conversations.phrases import ConversationWording
from recsim_tf.conversations.speech import SpokenReply, words_of
from recsim_tf.conversations.types import (
    UNKNOWN,
    Item,
    ObservedUser,
    Reply,
    ReplyDraw,
    Response,
    Traits,
    UserState,
    Utterance,
)
from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate, Turn
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.language import Channel

# A logit whose probability is 1 in float32.
_CERTAIN = 40.0


@configurable
class ConversationUsers(UserModel):
    """Users with a taste, senses of soft attributes, trust, patience and talkativeness.

    The utility of an item is bias + <taste, factors>. The ideal item lies in the direction of the
    taste. A reply has a mode. Its probability is a softmax of logits of the modes that the act
    admits: `ignoring`, 0 for a choice or an answer, and the logits of `ratings`, `critiques` and
    `refinements`. Talkative users critique and refine more.

    A choice has the weights exp(choice_sharpness * (utility + endorsement * trust)), with the last
    term for an endorsed item, against "none" of the choice model. Under COMPARE "none" is
    impossible.

    With a `channel` users put their replies into words. They leave when they run out of patience. A
    user who has accepted an item leaves if `leaves_satisfied`.

    All numeric parameters may be numbers, tables, tensors or variables, also with a leading axis
    [B], and have gradients. Parameters of parts have names with a dot, such as "patience.effort".

    Args:
      num_factors: number of factors F.
      directions: [A, S, F], directions of attributes by sense; None draws unit vectors by `seed`.
      num_attributes, num_senses: numbers of attributes A and of senses S.
      seed: the seed of `directions`, an integer.
      taste_loc, taste_scale: mean and standard deviation of tastes, numbers or [F].
      sense_probs: probabilities of the senses, [S], the same for each attribute; None for equal
        probabilities.
      talkativeness_scale: standard deviation of talkativeness; positive.
      choice_model: the choice model, with scores choice_sharpness times utility. Its no_click_mass
        is the logit of "none".
      choice_sharpness: factor of utilities.
      ignoring: logit of no reply; -inf if users always reply. There is no reply to an act if no
        other mode is possible.
      answers, ratings, critiques, refinements: the replies in each of these modes.
      trust, patience: the changes and effects of trust and patience.
      dwell: the time spent on a chosen item.
      leaves_satisfied: whether an accepted item ends the session.
      is_taste_observed: whether agents observe the taste.
      channel: a channel that puts replies into words, with as many symbols as the replies have;
        None for users who do not speak.
      are_replies_observed: whether agents observe the symbols, clicks and dwell times of replies.
        If not, they observe the words of a `channel` alone.
      attribute_names: A names for people who read sessions, or () for numbers.
    """

    # The modes that each act admits.
    admitted: ClassVar[Mapping[Act, tuple[Mode, ...]]] = acts.ADMITTED

    num_factors: Count = 10
    directions: Any = parameter(
        rank=3,
        drawn=lambda users: random_directions(
            users.num_attributes, users.num_senses, users.num_factors, users.seed
        ),
    )
    num_attributes: Count = 5
    num_senses: Count = 1
    seed: int = 0
    taste_loc: Any = parameter(0.0, rank=1)
    taste_scale: Any = parameter(1.0, rank=1, above=0)
    sense_probs: Any = parameter(None, rank=1, are_probabilities=True)
    talkativeness_scale: Any = parameter(0.5, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=0.5)
    )
    choice_sharpness: Any = parameter(4.0)
    ignoring: Any = parameter(-2.0, low=-float("inf"))
    answers: Answers = dataclasses.field(default_factory=Answers)
    ratings: Ratings = dataclasses.field(default_factory=Ratings)
    critiques: Critiques = dataclasses.field(default_factory=Critiques)
    refinements: Refinements = dataclasses.field(default_factory=Refinements)
    trust: Trust = dataclasses.field(default_factory=Trust)
    patience: Patience = dataclasses.field(default_factory=Patience)
    dwell: Dwell = dataclasses.field(default_factory=Dwell)
    leaves_satisfied: bool = True
    is_taste_observed: bool = False
    channel: Channel | None = None
    are_replies_observed: bool = True
    attribute_names: tuple[str, ...] = ()

    def check(self):
        factors = {"num_factors": self.num_factors}
        senses = {"num_senses": self.num_senses}
        described = {"num_attributes": self.num_attributes, **senses, **factors}
        random.as_seed(self.seed)
        validation.check_table("directions", self.directions, **described)
        if len(self.attribute_names) not in (0, self.num_attributes):
            raise ValueError(
                f"attribute_names must be {self.num_attributes} names or none, got"
                f" {len(self.attribute_names)}"
            )
        for name in ("taste_loc", "taste_scale"):
            validation.check_table(name, self._value(name), or_number=True, **factors)
        if self.sense_probs is not None:
            validation.check_table("sense_probs", self.sense_probs, **senses)
        if self.channel is None and not self.are_replies_observed:
            raise ValueError("channel must be given if are_replies_observed is False, got None")
        acts.check_admitted(self.admitted)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        num_symbols = acts.alphabet(slate_size, self.num_attributes).num_symbols
        if self.channel is not None and self.channel.num_symbols != num_symbols:
            raise ValueError(
                f"channel must have the {num_symbols} symbols of slate_size={slate_size} and"
                f" {self.num_attributes} attributes, got {self.channel.num_symbols}"
            )
        if not isinstance(documents, Items):
            return
        validation.check_same(self, documents, "num_factors")
        if documents.directions is not None:
            num_attributes = validation.table_shape("directions", documents.directions)[-3]
            if num_attributes != self.num_attributes:
                raise ValueError(
                    f"documents must have the {self.num_attributes} attributes of users, got"
                    f" directions of {num_attributes}"
                )

    def initial_draws(self, num_users: int):
        shape = [num_users, self.num_factors]
        loc, scale = (
            tf.broadcast_to(self.per_user(name, 2), shape) for name in ("taste_loc", "taste_scale")
        )
        senses = [num_users, self.num_attributes, self.num_senses]
        if self.sense_probs is None:
            probs = tf.fill(senses, tf.constant(1 / self.num_senses, self.dtype))
        else:
            probs = tf.broadcast_to(self.per_user("sense_probs", 3), senses)
        talk_scale = tf.broadcast_to(self.per_user("talkativeness_scale"), [num_users])
        return tfd.JointDistributionNamed(
            Traits(
                taste=tfd.Independent(tfd.Normal(loc, scale), 1),
                senses=tfd.Independent(tfd.Categorical(probs=probs), 1),
                talkativeness=tfd.Normal(tf.zeros_like(talk_scale), talk_scale),
            )
        )

    def initial_state(self, draws: Traits):
        zeros = tf.zeros_like(draws.talkativeness)
        return UserState(
            taste=draws.taste,
            senses=draws.senses,
            talkativeness=draws.talkativeness,
            trust=zeros + self.trust.of("initial", zeros),
            patience=zeros + self.patience.of("initial", zeros),
            refinements=tf.zeros([nests.num_rows(zeros), self.num_attributes], self.dtype),
            last_act=tf.zeros_like(zeros, tf.int32),
            accepted=tf.zeros_like(zeros, tf.bool),
        )

    def utility(self, state: UserState, documents: Item) -> tf.Tensor:
        """The utilities of items [B, N] to users, float [B, N]."""
        return documents.bias + tf.linalg.matvec(documents.factors, state.taste)

    def alternatives(self, state: UserState, slate: Slate) -> choice.Alternatives:
        """The distribution [B] of the symbol of a reply."""
        query = slate.query
        utility = self.utility(state, slate.documents)
        views = self._views(state, slate, utility)
        admitted = tf.constant([[mode in self.admitted[act] for mode in Mode] for act in Act])
        mode_logits = self.mode_logits(state, slate)
        if mode_logits.shape[1:] != [len(Mode)]:
            raise ValueError(
                f"mode_logits must be [users, {len(Mode)}], one for each Mode, got"
                f" {mode_logits.shape}"
            )
        mode_logits = tf.where(tf.gather(admitted, query.act), mode_logits, -float("inf"))
        # Users who always reply do not reply to an act that admits no other mode.
        is_stuck = tf.reduce_all(tf.equal(mode_logits, -float("inf")), axis=-1, keepdims=True)
        is_nothing = tf.range(len(Mode)) == Mode.NOTHING
        certain = tf.zeros_like(state.talkativeness)[:, tf.newaxis]
        return choice.Alternatives(
            tf.where(is_stuck & is_nothing, certain, mode_logits),
            [
                certain,
                self._choice(state, slate, utility),
                self.answers.log_probs(query, views),
                self.ratings.log_probs(views),
                self.critiques.log_probs(query, views),
                self.refinements.log_probs(query, views),
                certain,
                certain,
                certain,
            ],
        )

    def mode_logits(self, state: UserState, slate: Slate) -> tf.Tensor:
        """Logits [B, modes] of the modes of a reply, also of modes that the act does not admit."""
        like = state.talkativeness
        zero = tf.zeros_like(like)
        never = zero - float("inf")
        logits = [
            zero + self.per_user("ignoring"),
            zero,
            zero,
            zero + self.ratings.of("logit", like),
            self.critiques.of("logit", like) + like,
            self.refinements.of("logit", like) + like,
            never,
            never,
            never,
        ]
        return tf.stack(logits, axis=-1)

    def pull(self, state: UserState, slate: Slate) -> tf.Tensor:
        """The additional utilities of items in a choice, [B, K]."""
        endorsed = tf.cast(acts.is_act(slate.query.act, Act.ENDORSE), self.dtype) * state.trust
        first = tf.one_hot(0, slate.mask.shape[1], dtype=self.dtype)
        return (self.trust.of("endorsement", endorsed) * endorsed)[:, tf.newaxis] * first

    def attribute_name(self, number: int) -> str:
        """The name of an attribute in [0, A)."""
        return self.attribute_names[number] if self.attribute_names else f"attribute {number}"

    def response(self, state: UserState, slate: Slate):
        utility = self.utility(state, slate.documents)
        if self.channel is not None:
            return SpokenReply(
                self.alternatives(state, slate),
                self.dwell.mean_log(utility),
                self.dwell.stddev_log(state.talkativeness),
                self.channel,
            )

        def dwell(symbol: tf.Tensor):
            clicked = self._clicked(symbol, slate)
            loc = self.dwell.mean_log(tf.reduce_sum(clicked * utility, axis=-1))
            return tfd.Masked(
                tfd.LogNormal(loc, self.dwell.stddev_log(loc)),
                tf.reduce_any(clicked > 0, axis=-1),
                # The sample is inside the support, so that its gradient is finite without a choice.
                safe_sample_fn=lambda family: tf.ones_like(family.loc),
            )

        return tfd.JointDistributionNamed(
            ReplyDraw(symbol=self.alternatives(state, slate), dwell=dwell)
        )

    def evidence(self, seen: Response) -> Response:
        """An observed response with evidence [B, R] for its words, see `core.models.evidence`."""
        if self.channel is None:
            return seen
        if self.are_replies_observed:
            # Words are no further evidence if the reply is observed.
            shape = [nests.num_rows(seen.act), self.channel.num_symbols]
            return seen._replace(words=tf.zeros(shape, self.dtype))
        return seen._replace(words=self.channel.evidence(seen.words))

    def prepared(self, draw: Nest, fitted: Collection[str]) -> Nest:
        """A logged draw whose words are replaced by their evidence [B, R], unless parameters of the
        channel are fitted, see `core.models.evidence`.
        """
        if self.channel is None or any(name.startswith("channel.") for name in fitted):
            return draw
        return draw._replace(words=self.channel.evidence(draw.words))

    def recorded_draw(self, slate: Slate, seen: Nest):
        if self.channel is not None:
            if self.are_replies_observed:
                mode, _ = self._split(seen.symbol, slate)
                dwell = tf.reduce_sum(seen.dwell, axis=-1)
                return Utterance(Reply(mode, seen.symbol), dwell, seen.words)
            unknown = tf.fill(tf.shape(seen.act), UNKNOWN)
            return Utterance(Reply(unknown, unknown), tf.cast(unknown, self.dtype), seen.words)
        chosen = tf.reduce_any(seen.clicked > 0, axis=-1)
        seconds = tf.reduce_sum(seen.dwell, axis=-1)
        return ReplyDraw(seen.symbol, tf.where(chosen, seconds, tf.ones_like(seconds)))

    def outcome(self, state: UserState, slate: Slate, draw: Nest):
        symbol = draw.symbol if self.channel is None else self._understood(state, slate, draw)
        clicked = self._clicked(symbol, slate)
        offered = acts.is_act(slate.query.act, *acts.OFFERS)[:, tf.newaxis]
        utility = self.utility(state, slate.documents)
        return Response(
            clicked=clicked,
            accepted=tf.where(offered, clicked, tf.zeros_like(clicked)),
            dwell=clicked * tf.nn.relu(draw.dwell)[:, tf.newaxis],
            symbol=symbol,
            act=slate.query.act,
            attributes=slate.query.attributes,
            item_id=tf.where(slate.mask, slate.documents.item_id, -1),
            utility=tf.where(slate.mask, utility, tf.zeros([], self.dtype)),
            words=() if self.channel is None else words_of(draw, self.channel),
        )

    def update(self, state: UserState, slate: Slate, response: Response, innovation: Nest):
        query = slate.query
        endorsed = tf.cast(acts.is_act(query.act, Act.ENDORSE), self.dtype) * response.clicked[:, 0]
        utility = self.utility(state, slate.documents)[:, 0]
        mode, value = self._split(response.symbol, slate)
        refined = tf.one_hot(value, self.num_attributes, dtype=self.dtype)
        refined *= tf.cast(mode == Mode.REFINE, self.dtype)[:, tf.newaxis]
        return state._replace(
            trust=self.trust.after(state.trust, endorsed, utility),
            patience=self.patience.after(state.patience, query.act, state.last_act),
            refinements=state.refinements + refined,
            last_act=query.act,
            accepted=tf.reduce_any(response.accepted > 0, axis=-1),
        )

    def departure(self, state: UserState):
        logits = -state.patience / self.patience.of("scale", state.patience)
        if self.leaves_satisfied:
            logits = tf.where(state.accepted, tf.constant(_CERTAIN, self.dtype), logits)
        return tfd.Bernoulli(logits=logits)

    def observe(self, state: UserState):
        taste = state.taste if self.is_taste_observed else state.taste[:, :0]
        return ObservedUser(taste, state.refinements)

    def observe_response(self, response: Response):
        return self._observed(response._replace(utility=()))

    def observation_bounds(self):
        return ObservedUser(taste=Bounds(), refinements=Bounds(0.0, None))

    def response_bounds(self):
        bounds = Response(
            clicked=Bounds(0.0, 1.0),
            accepted=Bounds(0.0, 1.0),
            dwell=Bounds(0.0, None),
            symbol=Bounds(0, None),
            act=Bounds(0, len(Act) - 1),
            attributes=Bounds(-1, self.num_attributes - 1),
            item_id=Bounds(-1, None),
            utility=(),
            words=() if self.channel is None else Bounds(0, self.channel.num_words - 1),
        )
        return self._observed(bounds)

    def turn_conditions(self, turn: Turn):
        return acts.conditions(turn)

    def wording(self):
        names = [self.attribute_name(number) for number in range(self.num_attributes)]
        wording = ConversationWording(names, self.channel)
        if self.attribute_names:
            wording.names = {"attributes": names}
        return wording

    def _observed(self, seen: Response) -> Response:
        """The response without fields that agents do not observe."""
        if self.are_replies_observed:
            return seen
        return seen._replace(clicked=(), accepted=(), dwell=(), symbol=())

    def _understood(self, state: UserState, slate: Slate, draw: Utterance) -> tf.Tensor:
        """The symbol of an utterance, or the most probable symbol if a log does not have it."""
        symbol = draw.reply.symbol
        return tf.cond(
            tf.reduce_all(symbol != UNKNOWN),
            lambda: symbol,
            lambda: self.response(state, slate).most_probable(draw),
        )

    def _choice(self, state: UserState, slate: Slate, utility: tf.Tensor) -> tf.Tensor:
        """Log-probabilities [B, K + 1] of a choice. The last one is that of "none"."""
        mask = slate.mask
        scores = self.per_user("choice_sharpness", 2) * (utility + self.pull(state, slate))
        log_probs = self.choice_model(scores, mask).log_probs
        # For an empty slate the only outcome is "none", even under COMPARE.
        is_compared = acts.is_act(slate.query.act, Act.COMPARE)
        no_none = (is_compared & tf.reduce_any(mask, axis=-1))[:, tf.newaxis]
        is_none = tf.range(mask.shape[1] + 1) == mask.shape[1]
        impossible = tf.constant(-float("inf"), log_probs.dtype)
        # At least one outcome is possible, so that the gradient of the normalisation is finite.
        return tf.nn.log_softmax(tf.where(no_none & is_none, impossible, log_probs))

    def _views(self, state: UserState, slate: Slate, utility: tf.Tensor) -> Views:
        """The views of users on a turn."""
        directions = tf.cast(tf.convert_to_tensor(self.directions), self.dtype)
        first_shown = slate.mask[:, 0]
        zero = tf.zeros([], self.dtype)
        of_ideal = degrees(directions, ideal(state.taste))
        degree = degrees(directions, slate.documents.factors[:, 0])
        degree = in_sense(degree, state.senses)
        return Views(
            ideal=in_sense(of_ideal, state.senses),
            degree=tf.where(first_shown[:, tf.newaxis], degree, zero),
            utility=tf.where(first_shown, utility[:, 0], zero),
        )

    def _split(self, symbol: tf.Tensor, slate: Slate) -> tuple[tf.Tensor, tf.Tensor]:
        """The mode and the value of symbols, int32 [B] each."""
        return acts.alphabet(slate.mask.shape[1], self.num_attributes).split(symbol)

    def _clicked(self, symbol: tf.Tensor, slate: Slate) -> tf.Tensor:
        """The clicks, [B, K], 1 at the chosen position."""
        mode, value = self._split(symbol, slate)
        position = tf.where(mode == Mode.CHOOSE, value, -1)
        return tf.one_hot(position, slate.mask.shape[1], dtype=self.dtype)
