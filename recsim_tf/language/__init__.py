# SPDX-License-Identifier: Apache-2.0
"""Language: channels that put replies into words, and score words given replies."""

from recsim_tf.language.channel import Channel
from recsim_tf.language.grammar import Grammar
from recsim_tf.language.host import HostLanguageModel
from recsim_tf.language.recurrent import Recurrent
from recsim_tf.language.vocabulary import Vocabulary

__all__ = ["Channel", "Grammar", "HostLanguageModel", "Recurrent", "Vocabulary"]
