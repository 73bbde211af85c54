"""Users who choose, answer, rate, critique and refine.

A reply is one symbol of a finite alphabet: a mode, and a value in it. Its probabilities follow from
the user's taste, and from what the user means by each attribute. So every reply says something of
the taste, and the same model is sampled, scored, fitted, and used by an agent that infers tastes.
"""

import dataclasses
from typing import Any

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.conversations import acts, attributes, modes
from recsim_tf.conversations.acts import Act, Mode
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.speech import SpokenReply, words_of
from recsim_tf.conversations.types import (
    Item,
    ObservedResponse,
    ObservedUser,
    Reply,
    Response,
    Traits,
    UserState,
    Utterance,
)
from recsim_tf.conversations.wording import ConversationWording
from recsim_tf.core import nests, random, validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import UserModel
from recsim_tf.core.parameters import parameter
from recsim_tf.language import Channel

# A logit whose probability is 1 in float32.
_CERTAIN = 40.0


@gin.configurable
class ConversationUsers(UserModel):
    """Users with a taste, senses of soft attributes, trust, patience and talkativeness.

    The utility of an item is bias + <taste, factors>. The ideal item lies in the direction of the
    taste. How a user replies in each mode:

    - choose: exp(choice_sharpness * (utility + readiness + endorsement * trust)), the last term for
      an endorsed item, against "none" of the choice model; under COMPARE "none" is impossible.
      Where the act offers nothing, `afterthought` takes the place of the last term.
    - answer, rate, critique, refine: see `replies`.
    - nothing, inquire, request, remark: these have no values.

    The mode is a softmax of logits: `ignoring`, 0 for a choice or an answer, `rating`,
    `critiquing`, `refining`, `inquiring`, `requesting` and `remarking`, of the modes that the act
    admits, with `act_effects` and `phase_effects` added. Talkative users critique and refine more.
    With a `channel` users put their replies into words. The log of the dwell time on a chosen item
    is Normal(dwell_loc + dwell_gain * utility, dwell_scale).

    After an accepted endorsement trust changes by trust_rate * (sigmoid(utility) - 1/2), and is
    never negative. Patience falls by the effort of the act, and by `annoyance` for a question that
    follows a question. A user leaves with probability sigmoid(-patience / patience_scale). A user
    who has accepted an item leaves if `leaves_satisfied`.

    All numeric parameters may be numbers, tables, tensors or variables, also with a leading axis
    [B], and have gradients.

    Args:
      num_factors: F.
      directions: [A, S, F], the attributes' directions in each sense; None draws unit vectors with
        `seed`.
      num_attributes, num_senses: A and S, where `directions` is None.
      seed: of `directions`, an integer.
      taste_loc, taste_scale: mean and standard deviation of tastes, numbers or [F].
      sense_probs: [S], probabilities of the senses, for each attribute alike; None for equal ones.
      talkativeness_scale: standard deviation of talkativeness; positive.
      choice_model: chooses by choice_sharpness times utility. Its no_click_mass is the logit of
        "none".
      choice_sharpness: of utilities.
      endorsement: utility that an endorsement adds at a trust of 1.
      afterthought: utility that an item has in addition where it is chosen after an act that offers
        nothing, as `any_reply` admits.
      readiness: utility that all items have in addition where one is chosen, a number or [P], by
        how many have been offered, as `phase_effects`.
      answer_sharpness: of differences in degree, or of utilities in questions about items.
      dont_know: logit of "I don't know"; -inf if users always know.
      rating_sharpness, rating_cuts: of the ordered logit of ratings; the cuts are [4], increasing.
      critique_sharpness, explanation: of critiques, see `replies.critiques`.
      refine_sharpness, salience: of refinements; the salience is the logit that a chip adds.
      ignoring, rating, critiquing, refining, inquiring, requesting, remarking: logits of modes;
        -inf for one that never occurs.
      act_effects: [7, 9], added to the logits of modes by act, or a number.
      phase_effects: [P, 9], added to the logits of modes by how many items have been offered one
        after the other, this turn's among them; the last row holds for more. Or a number.
      any_reply: whether all acts but silence admit all modes, as people talk.
      dwell_loc, dwell_gain, dwell_scale: of the log of the dwell time in seconds.
      initial_trust, trust_rate: of trust.
      initial_patience, effort, annoyance, patience_scale: of patience. The effort is [7], by act,
        or a number; SILENT costs nothing then.
      leaves_satisfied: whether an accepted item ends the session.
      is_taste_observed: whether agents see the taste.
      channel: puts replies into words, of as many symbols as the replies have; None for users who
        do not speak.
      are_replies_observed: whether agents see the symbols, clicks and dwell times of replies. If
        not, they hear the words of a `channel` alone.
      attribute_names: A names for people who read sessions, or () for numbers.

    Raises:
      ValueError: if a shape is wrong or a number is out of range.
    """

    num_factors: int = 10
    directions: Any = parameter(
        rank=3,
        drawn=lambda users: attributes.random_directions(
            users.num_attributes, users.num_senses, users.num_factors, users.seed
        ),
    )
    num_attributes: int = 5
    num_senses: int = 1
    seed: int = 0
    taste_loc: Any = parameter(0.0, rank=1)
    taste_scale: Any = parameter(1.0, rank=1, above=0)
    sense_probs: Any = parameter(None, rank=1, are_probabilities=True)
    talkativeness_scale: Any = parameter(0.5, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=0.5)
    )
    choice_sharpness: Any = parameter(4.0)
    endorsement: Any = parameter(0.6)
    afterthought: Any = parameter(0.0)
    readiness: Any = parameter(0.0, rank=1)
    answer_sharpness: Any = parameter(3.0)
    dont_know: Any = parameter(-1.0, low=-float("inf"))
    rating_sharpness: Any = parameter(1.5)
    rating_cuts: Any = parameter((-1.5, -0.5, 0.5, 1.5), rank=1)
    critique_sharpness: Any = parameter(2.0)
    explanation: Any = parameter(0.5)
    refine_sharpness: Any = parameter(2.0)
    salience: Any = parameter(1.0)
    ignoring: Any = parameter(-2.0, low=-float("inf"))
    rating: Any = parameter(-2.0, low=-float("inf"))
    critiquing: Any = parameter(-1.0, low=-float("inf"))
    refining: Any = parameter(-2.0, low=-float("inf"))
    inquiring: Any = parameter(-float("inf"), low=-float("inf"))
    requesting: Any = parameter(-float("inf"), low=-float("inf"))
    remarking: Any = parameter(-float("inf"), low=-float("inf"))
    act_effects: Any = parameter(0.0, rank=2)
    phase_effects: Any = parameter(0.0, rank=2)
    any_reply: bool = False
    dwell_loc: Any = parameter(3.0)
    dwell_gain: Any = parameter(0.5)
    dwell_scale: Any = parameter(0.5, above=0)
    initial_trust: Any = parameter(1.0, low=0)
    trust_rate: Any = parameter(0.5)
    initial_patience: Any = parameter(6.0)
    effort: Any = parameter(1.0, rank=1)
    annoyance: Any = parameter(0.5)
    patience_scale: Any = parameter(1.0, above=0)
    leaves_satisfied: bool = True
    is_taste_observed: bool = False
    channel: Channel | None = None
    are_replies_observed: bool = True
    attribute_names: tuple[str, ...] = ()

    def check(self):
        validation.check_count(
            num_factors=self.num_factors,
            num_attributes=self.num_attributes,
            num_senses=self.num_senses,
        )
        random.as_seed(self.seed)
        shape = validation.table_shape("directions", self.directions)
        if shape.rank not in (3, 4) or shape[-1] != self.num_factors:
            raise ValueError(
                f"directions must have shape [A, S, num_factors={self.num_factors}], got {shape}"
            )
        self.num_attributes, self.num_senses = shape[-3], shape[-2]
        if len(self.attribute_names) not in (0, self.num_attributes):
            raise ValueError(
                f"attribute_names must be {self.num_attributes} names or none, got"
                f" {len(self.attribute_names)}"
            )
        factors = {"num_factors": self.num_factors}
        for name in ("taste_loc", "taste_scale"):
            validation.check_table(name, self._value(name), or_number=True, **factors)
        if self.sense_probs is not None:
            validation.check_table("sense_probs", self.sense_probs, num_senses=self.num_senses)
        validation.check_table("rating_cuts", self.rating_cuts, cuts=acts.NUM_RATINGS - 1)
        num_acts, num_modes = len(Act), len(Mode)
        validation.check_table("effort", self.effort, or_number=True, acts=num_acts)
        sizes = {"acts": num_acts, "modes": num_modes}
        validation.check_table("act_effects", self.act_effects, or_number=True, **sizes)
        phases = validation.table_shape("phase_effects", self.phase_effects)
        if phases.rank:
            sizes = {"phases": phases[-2], "modes": num_modes}
            validation.check_table("phase_effects", self.phase_effects, **sizes)
        if self.channel is not None and not isinstance(self.channel, Channel):
            raise ValueError(f"channel must be a language.Channel or None, got {self.channel!r}")
        if self.channel is None and not self.are_replies_observed:
            raise ValueError("channel must be given where are_replies_observed is False, got None")

    def check_documents(self, documents, slate_size):
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

    def initial_draws(self, num_users):
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

    def initial_state(self, draws):
        like = draws.talkativeness
        zeros = tf.zeros_like(like)
        return UserState(
            taste=draws.taste,
            senses=draws.senses,
            talkativeness=draws.talkativeness,
            trust=zeros + self.per_user("initial_trust"),
            patience=zeros + self.per_user("initial_patience"),
            refinements=tf.zeros([nests.num_rows(like), self.num_attributes], self.dtype),
            last_act=tf.zeros_like(like, tf.int32),
            accepted=tf.zeros_like(like, tf.bool),
            num_offers=tf.zeros_like(like, tf.int32),
            last_item=-tf.ones_like(like, tf.int32),
        )

    def utility(self, state: UserState, documents: Item) -> tf.Tensor:
        """How much users like items [B, N], float [B, N]."""
        return documents.bias + tf.linalg.matvec(documents.factors, state.taste)

    def alternatives(self, state: UserState, slate) -> choice.Alternatives:
        """The distribution [B] of the symbol of a reply."""
        utility = self.utility(state, slate.documents)
        return choice.Alternatives(
            modes.mode_logits(self, state, slate),
            modes.value_log_probs(self, state, slate, utility),
        )

    def attribute_name(self, number: int) -> str:
        """What an attribute in [0, A) is called."""
        return self.attribute_names[number] if self.attribute_names else f"attribute {number}"

    def admitted(self, act: Act) -> tuple[Mode, ...]:
        """The modes that an act admits."""
        return acts.admitted(act, self.any_reply)

    def response(self, state, slate):
        utility = self.utility(state, slate.documents)
        if self.channel is not None:
            return SpokenReply(
                self.alternatives(state, slate),
                self.per_user("dwell_loc", 2) + self.per_user("dwell_gain", 2) * utility,
                tf.zeros_like(state.talkativeness) + self.per_user("dwell_scale"),
                self.channel,
            )

        def dwell(symbol):
            clicked = self._clicked(symbol, slate)
            loc = self.per_user("dwell_loc") + self.per_user("dwell_gain") * tf.reduce_sum(
                clicked * utility, axis=-1
            )
            scale = tf.zeros_like(loc) + self.per_user("dwell_scale")
            return tfd.Masked(
                tfd.LogNormal(loc, scale),
                tf.reduce_any(clicked > 0, axis=-1),
                # Inside the support, so that its gradient is finite where nothing was chosen.
                safe_sample_fn=lambda family: tf.ones_like(family.loc),
            )

        return tfd.JointDistributionNamed(
            Reply(symbol=self.alternatives(state, slate), dwell=dwell)
        )

    def evidence(self, seen):
        if self.channel is None:
            return seen
        if self.are_replies_observed:
            # Then the words tell nothing more.
            shape = [nests.num_rows(seen.act), self.channel.num_symbols]
            return seen._replace(words=tf.zeros(shape, self.dtype))
        return seen._replace(words=self.channel.evidence(seen.words))

    def prepared(self, draw, fitted):
        if self.channel is None or any(name.startswith("channel.") for name in fitted):
            return draw
        return draw._replace(words=self.channel.evidence(draw.words))

    def recorded_draw(self, slate, seen):
        if self.channel is not None:
            if self.are_replies_observed:
                return Utterance(seen.symbol, tf.reduce_sum(seen.dwell, axis=-1), seen.words)
            unknown = -tf.ones_like(seen.act)
            return Utterance(unknown, tf.cast(unknown, self.dtype), seen.words)
        chosen = tf.reduce_any(seen.clicked > 0, axis=-1)
        seconds = tf.reduce_sum(seen.dwell, axis=-1)
        return Reply(symbol=seen.symbol, dwell=tf.where(chosen, seconds, tf.ones_like(seconds)))

    def outcome(self, state, slate, draw):
        symbol = self._understood(state, slate, draw)
        clicked = self._clicked(symbol, slate)
        offered = acts.is_act(slate.query, *modes.OFFERS)[:, tf.newaxis]
        return Response(
            clicked=clicked,
            accepted=tf.where(offered, clicked, tf.zeros_like(clicked)),
            dwell=clicked * tf.nn.relu(draw.dwell)[:, tf.newaxis],
            symbol=symbol,
            act=slate.query.act,
            attributes=slate.query.attributes,
            item_id=tf.where(slate.mask, slate.documents.item_id, -1),
            utility=tf.where(
                slate.mask, self.utility(state, slate.documents), tf.zeros([], self.dtype)
            ),
            words=() if self.channel is None else words_of(draw, self.channel),
        )

    def update(self, state, slate, response, innovation):
        query = slate.query
        endorsed = tf.cast(acts.is_act(query, Act.ENDORSE), self.dtype) * response.clicked[:, 0]
        liked = tf.sigmoid(self.utility(state, slate.documents)[:, 0]) - 0.5
        trust = state.trust + self.per_user("trust_rate") * endorsed * liked
        questions = (Act.ASK, Act.COMPARE)
        again = acts.is_act(query, *questions) & acts.is_one_of(state.last_act, *questions)
        patience = (
            state.patience
            - self.efforts(query.act)
            - tf.where(again, self.per_user("annoyance"), tf.zeros([], self.dtype))
        )
        mode, value = self._split(response.symbol, slate.mask.shape[1])
        refined = tf.one_hot(value, self.num_attributes, dtype=self.dtype)
        refined *= tf.cast(mode == Mode.REFINE, self.dtype)[:, tf.newaxis]
        return state._replace(
            trust=tf.maximum(trust, 0),
            patience=patience,
            refinements=state.refinements + refined,
            last_act=query.act,
            accepted=tf.reduce_any(response.accepted > 0, axis=-1),
            num_offers=modes.num_offers(state, slate),
            last_item=tf.where(
                modes.is_offer(slate), slate.documents.item_id[:, 0], state.last_item
            ),
        )

    def departure(self, state):
        logits = -state.patience / self.per_user("patience_scale")
        if self.leaves_satisfied:
            logits = tf.where(state.accepted, tf.constant(_CERTAIN, self.dtype), logits)
        return tfd.Bernoulli(logits=logits)

    def efforts(self, act: tf.Tensor) -> tf.Tensor:
        """The effort [B] of acts int32 [B]. Where it is one number, silence has none."""
        efforts = self.entries("effort", act, [len(Act)])
        # A number for each user is [B, 1].
        if validation.table_shape("effort", self.effort)[-1:] == [len(Act)]:
            return efforts
        return tf.where(act == Act.SILENT, tf.zeros([], self.dtype), efforts)

    def observe(self, state):
        taste = state.taste if self.is_taste_observed else state.taste[:, :0]
        return ObservedUser(taste, state.refinements)

    def observe_response(self, response):
        seen = ObservedResponse(*[getattr(response, name) for name in ObservedResponse._fields])
        return seen if self.are_replies_observed else self._words_alone(seen)

    def observation_bounds(self):
        return ObservedUser(taste=Bounds(), refinements=Bounds(0.0, None))

    def response_bounds(self):
        bounds = ObservedResponse(
            clicked=Bounds(0.0, 1.0),
            accepted=Bounds(0.0, 1.0),
            dwell=Bounds(0.0, None),
            symbol=Bounds(0, None),
            act=Bounds(0, len(Act) - 1),
            attributes=Bounds(-1, self.num_attributes - 1),
            item_id=Bounds(-1, None),
            words=() if self.channel is None else Bounds(0, self.channel.num_words - 1),
        )
        return bounds if self.are_replies_observed else self._words_alone(bounds)

    def turn_conditions(self, turn):
        return acts.conditions(turn, self.any_reply)

    def wording(self):
        names = [self.attribute_name(number) for number in range(self.num_attributes)]
        return ConversationWording(names, self.channel)

    @staticmethod
    def _words_alone(seen: ObservedResponse) -> ObservedResponse:
        return seen._replace(clicked=(), accepted=(), dwell=(), symbol=())

    def _understood(self, state, slate, draw) -> tf.Tensor:
        """The symbol of a reply. Where a log does not tell it, the one that explains the words
        best.
        """
        if self.channel is None:
            return draw.symbol
        return tf.cond(
            tf.reduce_all(draw.symbol >= 0),
            lambda: draw.symbol,
            lambda: self.response(state, slate).most_probable(draw),
        )

    def _split(self, symbol, slate_size) -> tuple[tf.Tensor, tf.Tensor]:
        """The mode and the value of symbols, int32 [B] each."""
        return acts.alphabet(slate_size, self.num_attributes).split(symbol)

    def _clicked(self, symbol, slate) -> tf.Tensor:
        """[B, K]: 1 at the chosen position."""
        mode, value = self._split(symbol, slate.mask.shape[1])
        position = tf.where(mode == Mode.CHOOSE, value, -1)
        return tf.one_hot(position, slate.mask.shape[1], dtype=self.dtype)
