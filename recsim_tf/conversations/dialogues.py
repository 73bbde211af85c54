# SPDX-License-Identifier: Apache-2.0
"""Users of real dialogues, who also talk beside the act. They were made for the data set IARD."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from recsim_tf.conversations import acts
from recsim_tf.conversations.acts import Act, Mode
from recsim_tf.conversations.types import Response, Traits, UserState
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate, Turn

_TALK = ("inquiring", "requesting", "remarking")


class Offers(NamedTuple):
    """The past offers to users of dialogues."""

    number: tf.Tensor  # int32 [B], number of turns that offered another item than the last offer
    last_item: tf.Tensor  # int32 [B], the first item of the last offer; -1 before the first offer


@configurable
class DialogueUsers(ConversationUsers):
    """Users who reply in any mode to any act except silence, and also inquire, request and remark.

    Replies depend on the act and on the phase of the dialogue, which is the number of items that
    were offered one after the other, including this turn.

    Args:
      inquiring, requesting, remarking: logits of these modes; -inf for a mode that never occurs.
      act_effects: [7, 9], added to the logits of modes by act, or a number.
      phase_effects: [P, 9], added to the logits of modes by phase, or a number. The last row
        applies to later phases too.
      readiness: additional utility of all items in a choice, a number or [P], by phase.
      afterthought: additional utility of items in a choice after an act without an offer.
    """

    admitted: ClassVar = {
        act: acts.ADMITTED[act] if act is Act.SILENT else tuple(Mode) for act in Act
    }

    inquiring: Any = parameter(0.0, low=-float("inf"))
    requesting: Any = parameter(0.0, low=-float("inf"))
    remarking: Any = parameter(0.0, low=-float("inf"))
    act_effects: Any = parameter(0.0, rank=2)
    phase_effects: Any = parameter(0.0, rank=2)
    readiness: Any = parameter(0.0, rank=1)
    afterthought: Any = parameter(0.0)

    def check(self):
        super().check()
        modes = {"modes": len(Mode)}
        validation.check_table(
            "act_effects", self.act_effects, or_number=True, acts=len(Act), **modes
        )
        validation.check_table(
            "phase_effects", self.phase_effects, or_number=True, phases=None, **modes
        )

    def initial_state(self, draws: Traits):
        state = super().initial_state(draws)
        none = tf.zeros_like(state.last_act)
        return state._replace(offers=Offers(none, none - 1))

    def mode_logits(self, state: UserState, slate: Slate):
        logits = super().mode_logits(state, slate)
        zero = tf.zeros_like(state.talkativeness)
        talk_logits = tf.stack([zero + self.per_user(name) for name in _TALK], axis=-1)
        logits = tf.concat([logits[:, : -len(_TALK)], talk_logits], axis=-1)
        act_effects = self.entries("act_effects", slate.query.act, [len(Act), len(Mode)])
        phase_effects = self._by_phase("phase_effects", state, slate, [len(Mode)])
        return logits + act_effects + phase_effects

    def pull(self, state: UserState, slate: Slate):
        pull = super().pull(state, slate)
        offers_none = ~acts.is_act(slate.query.act, *acts.OFFERS, Act.COMPARE)[:, tf.newaxis]
        pull += tf.cast(offers_none, self.dtype) * self.per_user("afterthought", 2)
        return pull + self._by_phase("readiness", state, slate)[:, tf.newaxis]

    def update(self, state: UserState, slate: Slate, response: Response, innovation: Nest):
        after = super().update(state, slate, response, innovation)
        return after._replace(offers=_offers(state.offers, slate))

    def turn_conditions(self, turn: Turn):
        return acts.conditions(turn, may_be_open=True)

    def _by_phase(
        self, name: str, state: UserState, slate: Slate, columns: Sequence[int] = ()
    ) -> tf.Tensor:
        """The rows [B, columns] of a parameter [P, columns] at the phases of users."""
        shape = validation.table_shape(name, self._value(name))
        num_phases = shape[-1 - len(columns)] if shape.rank else 1
        phase = tf.minimum(_offers(state.offers, slate).number, num_phases - 1)
        return self.entries(name, phase, [num_phases, *columns])


def _offers(before: Offers, slate: Slate) -> Offers:
    """The offers after this turn."""
    item = slate.documents.item_id[:, 0]
    is_offer = acts.is_act(slate.query.act, *acts.OFFERS) & slate.mask[:, 0]
    is_new = is_offer & (item != before.last_item)
    return Offers(
        before.number + tf.cast(is_new, tf.int32), tf.where(is_offer, item, before.last_item)
    )
