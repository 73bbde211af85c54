# %% [markdown]
# # Replies in words
#
# A log often has what people said and no label of it. Here the sharpness of answers is fitted to
# replies, to words alone, and by a network that has learned from labelled replies how people talk.

# %%
import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
import recsim_tf
from recsim_tf import conversations, fitting, logs
from recsim_tf.conversations.logs import trained_weights
from recsim_tf.conversations.types import UNKNOWN, Reply
from recsim_tf.language import Recurrent

NUM_SESSIONS, NUM_PASSES = (200, 5) if "--quick" in sys.argv else (500, 20)
FOLDER = "runs/examples/spoken_replies"
NAMES = ("funny", "dark", "slow", "long", "old")

# %% A log of words whose replies are labelled.
grammar = conversations.conversation_grammar(slate_size=3, attribute_names=NAMES, slip=0.0)
people = recsim_tf.conversation(conversations.ConversationUsers(channel=grammar))
labelled = logs.simulated_log(people, num_sessions=NUM_SESSIONS, num_steps=4)
print(grammar.text(labelled.response.words[:2]))

# %% The same without labels. A log that knows the mode alone has it beside an unknown symbol.
unknown = np.full(labelled.response.dwell.shape, UNKNOWN, np.int32)
response = labelled.response._replace(reply=Reply(mode=unknown, symbol=unknown))
unlabelled = labelled._replace(response=response)

# %% A channel that learns how people talk from the labelled replies. `reply_features` says what
# replies have in common: what they share, their words share too.
features = conversations.reply_features(slate_size=3, num_attributes=5)
network = Recurrent(grammar.vocabulary, features, num_units=16)
learned = recsim_tf.conversation(conversations.ConversationUsers(channel=network))
weights = fitting.Parameter(trained_weights(learned, labelled, max_passes=NUM_PASSES), fixed=True)

# %% Three fits; the truth is 3.
sharpness = {"users.answers.sharpness": fitting.Parameter(start=1.0)}
fits = {
    "replies": fitting.fit(people, sharpness, labelled),
    "words": fitting.fit(people, sharpness, unlabelled),
    "learned words": fitting.fit(
        learned, {**sharpness, "users.channel.weights": weights}, unlabelled
    ),
}
for number, (name, result) in enumerate(fits.items()):
    estimate = result.estimates["users.answers.sharpness"]
    print(name, estimate.value, "+-", estimate.standard_error)
    plt.errorbar(number, estimate.value, 1.96 * estimate.standard_error, fmt="C0o", capsize=5)
plt.axhline(3.0, color="k", linestyle=":")
plt.xticks(range(len(fits)), list(fits))
plt.ylabel("sharpness of answers")
pathlib.Path(FOLDER).mkdir(parents=True, exist_ok=True)
plt.savefig(f"{FOLDER}/spoken_replies.png", dpi=120)
