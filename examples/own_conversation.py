# %% [markdown]
# # A conversation of your own
# A radio shows two songs, or asks whether a listener wants a faster song than some tempo.

# %%
from collections import namedtuple

import matplotlib.pyplot as plt
import recsim_tf
import tensorflow as tf
from recsim_tf import belief, choice, policies
from recsim_tf.core.step.turns import query_spec
from tensorflow_probability import distributions as tfd

FOLDER = "runs/examples/own_conversation"
SILENT, SHOW, ASK = range(3)  # Acts. Each admits one mode of reply: nothing, a song, an answer.
MODE_LOGITS = tf.where(tf.eye(3, dtype=tf.bool), 0.0, -float("inf"))
Query = namedtuple("Query", "act tempo")  # each [B]
# The symbol is the reply: 0 for nothing, 1 and 2 for the songs, 3 for none of them, 4 no, 5 yes.
Response = namedtuple("Response", "clicked symbol query tempo shown")


# %%
class Listeners(recsim_tf.UserModel):
    clarity: float = recsim_tf.parameter(4.0)  # of answers
    choice_model: choice.ChoiceModel = choice.MultinomialLogit(-2.0)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users]), 1.0)  # the tempo that they like

    def response(self, state, slate):
        songs = self.choice_model(-4 * tf.abs(slate.documents - state[:, None]), slate.mask)
        faster = self.per_user("clarity") * (state - slate.query.tempo)
        answer = tf.math.log_sigmoid(tf.stack([-faster, faster], axis=1))
        replies = [tf.zeros_like(state)[:, None], songs, answer]
        return choice.Alternatives(tf.gather(MODE_LOGITS, slate.query.act), replies)

    def outcome(self, state, slate, draw):
        return Response(tf.one_hot(draw - 1, 2), draw, slate.query, slate.documents, slate.mask)

    def recorded_draw(self, slate, seen):  # The inverse of `outcome`, for beliefs.
        return seen.symbol

    def observe(self, state):
        return tf.zeros([state.shape[0], 0])  # The tempo is hidden.


class Songs(recsim_tf.DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, num_candidates]), 1.0), 1)

    def observe(self, documents):
        return documents


# %% A policy that asks until its belief knows the tempo.
class AsksFirst:
    tempos = belief.GaussianBelief(Listeners())
    initial_state = staticmethod(tempos.initial_state)

    def __call__(self, observation, belief_state, seed):
        seen = observation.response
        met = recsim_tf.Slate(seen.tempo, seen.shown, seen.query)
        belief_state = self.tempos.update(belief_state, met, seen)
        mean, variance = self.tempos.moments(belief_state)
        act = tf.where(variance[:, 0, 0] > 0.1, ASK, SHOW)
        slate = tf.math.top_k(-tf.abs(observation.documents - mean), 2).indices
        return recsim_tf.Turn(slate, Query(act, mean[:, 0])), belief_state


bounds = Query(recsim_tf.Bounds(0, 2), recsim_tf.Bounds(-3.0, 3.0))
spec = query_spec(Query(tf.TensorSpec([], tf.int32), tf.TensorSpec([])), bounds)
radio = recsim_tf.Simulator(Listeners(), Songs(), 2, 8, max_steps=8, query_spec=spec)
recsim_tf.check(radio)
for name, policy in {"Random": policies.random_policy(radio), "AsksFirst": AsksFirst()}.items():
    plays = tf.reduce_mean(radio.rollout(policy, 500, 8, seed=0).transitions.reward, axis=1)
    plt.plot(range(1, 9), plays, label=f"{name}: {tf.reduce_sum(plays):.2f} songs")
plt.legend(title="songs played, by turn")
tf.io.gfile.makedirs(FOLDER)
plt.savefig(f"{FOLDER}/own_conversation.png", dpi=120)
