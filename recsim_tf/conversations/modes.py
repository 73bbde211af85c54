"""How probable the modes of a reply are, and the values in each mode."""

from typing import TYPE_CHECKING

import tensorflow as tf

from recsim_tf.conversations import acts, attributes, replies
from recsim_tf.conversations.acts import Act, Mode
from recsim_tf.core import validation

if TYPE_CHECKING:
    from recsim_tf.conversations.users import ConversationUsers

# Acts under which the chosen item is what the user takes.
OFFERS = (Act.RECOMMEND, Act.ENDORSE, Act.CHIPS)


def mode_logits(users: "ConversationUsers", state, slate) -> tf.Tensor:
    """[B, modes]; -inf where the act does not admit the mode."""
    query = slate.query
    zero = tf.zeros_like(state.talkativeness)
    of_modes = tf.stack(
        [
            zero + users.per_user("ignoring"),
            zero,
            zero,
            zero + users.per_user("rating"),
            users.per_user("critiquing") + state.talkativeness,
            users.per_user("refining") + state.talkativeness,
            zero + users.per_user("inquiring"),
            zero + users.per_user("requesting"),
            zero + users.per_user("remarking"),
        ],
        axis=-1,
    )
    of_act = users.entries("act_effects", query.act, [len(Act), len(Mode)])
    of_phase = _of_phase(users, "phase_effects", users.phase_effects, state, slate, [len(Mode)])
    admitted = tf.gather(tf.constant(acts.admits(users.any_reply)), query.act)
    return tf.where(admitted, of_modes + of_act + of_phase, -float("inf"))


def value_log_probs(users: "ConversationUsers", state, slate, utility) -> list[tf.Tensor]:
    """The log-probabilities [B, n] of the n values in each mode."""
    query = slate.query
    views = _views(users, state, slate, utility)
    attribute = query.attributes
    explained = tf.one_hot(attribute[:, 0], users.num_attributes, dtype=users.dtype)
    explained *= tf.cast(acts.is_act(query, Act.ENDORSE), users.dtype)[:, tf.newaxis]
    offered = tf.reduce_max(tf.one_hot(attribute, users.num_attributes, dtype=users.dtype), axis=1)
    offered *= tf.cast(acts.is_act(query, Act.CHIPS), users.dtype)[:, tf.newaxis]
    certain = tf.zeros_like(state.talkativeness)[:, tf.newaxis]
    return [
        certain,
        _choice(users, state, slate, utility),
        replies.answers(
            query, views, users.per_user("answer_sharpness"), users.per_user("dont_know")
        ),
        replies.ratings(
            views, users.per_user("rating_sharpness"), users.per_user("rating_cuts", 2)
        ),
        replies.critiques(
            views,
            users.per_user("critique_sharpness", 2),
            users.per_user("explanation", 2) * explained,
        ),
        replies.refinements(
            views,
            users.per_user("refine_sharpness", 2),
            users.per_user("salience", 2) * offered,
        ),
        certain,
        certain,
        certain,
    ]


def num_offers(state, slate) -> tf.Tensor:
    """int32 [B]: with that of this turn, if it offers another item than the last one."""
    is_new = is_offer(slate) & (slate.documents.item_id[:, 0] != state.last_item)
    return state.num_offers + tf.cast(is_new, tf.int32)


def is_offer(slate) -> tf.Tensor:
    """bool [B]: whether a turn offers items."""
    return acts.is_act(slate.query, *OFFERS) & slate.mask[:, 0]


def _of_phase(users: "ConversationUsers", name: str, table, state, slate, columns=()) -> tf.Tensor:
    """The rows [B, columns] of a parameter, a table [P, columns], by how many items have been
    offered.
    """
    shape = validation.table_shape(name, table)
    num_phases = shape[-1 - len(columns)] if shape.rank else 1
    phase = tf.minimum(num_offers(state, slate), num_phases - 1)
    return users.entries(name, phase, [num_phases, *columns])


def _choice(users: "ConversationUsers", state, slate, utility) -> tf.Tensor:
    """Log-probabilities [B, K+1] of a choice, the last of "none"."""
    query, mask = slate.query, slate.mask
    endorsed = tf.cast(acts.is_act(query, Act.ENDORSE), users.dtype) * state.trust
    first = tf.one_hot(0, mask.shape[1], dtype=users.dtype)
    pull = (users.per_user("endorsement") * endorsed)[:, tf.newaxis] * first
    if users.any_reply:
        offers_none = ~acts.is_act(query, *OFFERS, Act.COMPARE)[:, tf.newaxis]
        pull += tf.cast(offers_none, users.dtype) * users.per_user("afterthought", 2)
    pull += _of_phase(users, "readiness", users.readiness, state, slate)[:, tf.newaxis]
    scores = users.per_user("choice_sharpness", 2) * (utility + pull)
    log_probs = users.choice_model(scores, mask).log_probs
    # With a list of nothing to compare there is no other outcome than "none".
    is_compared = acts.is_act(query, Act.COMPARE)
    no_none = (is_compared & tf.reduce_any(mask, axis=-1))[:, tf.newaxis]
    is_none = tf.range(mask.shape[1] + 1) == mask.shape[1]
    impossible = tf.constant(-float("inf"), log_probs.dtype)
    # Whatever is normalised has an outcome, so that its gradient is finite.
    return tf.nn.log_softmax(tf.where(no_none & is_none, impossible, log_probs))


def _views(users: "ConversationUsers", state, slate, utility) -> replies.Views:
    """What users hold of a turn."""
    directions = tf.cast(tf.convert_to_tensor(users.directions), users.dtype)
    first_shown = slate.mask[:, 0]
    zero = tf.zeros([], users.dtype)
    length = tf.sqrt(tf.maximum(tf.reduce_sum(state.taste**2, axis=-1, keepdims=True), 1e-12))
    ideal = attributes.degrees(directions, state.taste / length)
    degree = attributes.degrees(directions, slate.documents.factors[:, 0])
    degree = attributes.in_sense(degree, state.senses)
    return replies.Views(
        ideal=attributes.in_sense(ideal, state.senses),
        degree=tf.where(first_shown[:, tf.newaxis], degree, zero),
        utility=tf.where(first_shown, utility[:, 0], zero),
    )
