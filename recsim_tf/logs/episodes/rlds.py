"""Episode logs in the form of RLDS (Ramos et al. 2021, arXiv 2111.02767), which TFDS, Acme and
others read. No other library is imported.
"""

from typing import Any

import tensorflow as tf

from recsim_tf.core.base.types import Turn
from recsim_tf.logs.episodes.reading import Episodes
from recsim_tf.logs.episodes.session import Session


def to_rlds(episodes: Episodes) -> tf.data.Dataset:
    """The sessions of a log as episodes of RLDS.

    Returns:
      A dataset with an element {"steps": dataset} for each session. A session of T slates has T + 1
      steps, each a dict:

        observation: a dict of `user` and `documents`, nests of [...] and [N, ...].
        action: the slate, int32 [K]; or a `Turn` of slate and query.
        reward: [], of the action.
        discount: float32 [], 0 where the user left after the action, else 1.
        is_first, is_last, is_terminal: bool [].

      A log has no observation after the last action. So the last step has that before it again,
      and zeros for action, reward and discount. It is terminal unless the time limit, or the end of
      the rollout, ended the session.
    """

    @tf.autograph.experimental.do_not_convert
    def episode(session: Session) -> dict[str, tf.data.Dataset]:
        return {"steps": tf.data.Dataset.from_tensor_slices(_steps(session))}

    return episodes.dataset().map(episode)


def _steps(session: Session) -> dict[str, Any]:
    def with_zeros(leaf: tf.Tensor):
        return tf.concat([leaf, tf.zeros_like(leaf[:1])], axis=0)

    def repeated(leaf: tf.Tensor):
        return tf.concat([leaf, leaf[-1:]], axis=0)

    number = tf.shape(session.reward)[0]
    step = tf.range(number + 1)
    left = with_zeros(session.is_terminal)
    observation = {"user": session.user, "documents": session.documents}
    action = Turn(session.slate, session.query).action
    return {
        "observation": tf.nest.map_structure(repeated, observation),
        "action": tf.nest.map_structure(with_zeros, action),
        "reward": with_zeros(session.reward),
        "discount": tf.cast(~left & (step < number), tf.float32),
        "is_first": step == 0,
        "is_last": step == number,
        "is_terminal": tf.roll(left, 1, axis=0) & (step == number),
    }
