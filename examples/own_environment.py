# %% [markdown]
# # An environment of your own, and its training
#
# A shop shows offers. Shoppers dislike high prices, students most of all. What they pay is the
# reward, and costs them patience. Without patience they leave. SlateQ learns whom to show what.

# %%
import collections
import sys

import gin
import pandas
import recsim_tf.command_line.cli
import tensorflow as tf
from tensorflow_probability import distributions as tfd

QUICK, FOLDER = "--quick" in sys.argv, "runs/examples/own_environment"
Purchase = collections.namedtuple("Purchase", ["clicked", "paid"])  # both [B, K]


# %%
class Shoppers(recsim_tf.UserModel):
    choice_model: recsim_tf.choice.ChoiceModel = recsim_tf.choice.MultinomialLogit(0.0)

    def initial_draws(self, num_users):
        return tfd.Bernoulli(probs=tf.fill([num_users], 0.5))

    def initial_state(self, draws):
        return {"student": draws, "patience": tf.ones(draws.shape)}

    def response(self, state, slate):
        sensitivity = tf.gather([2.0, 8.0], state["student"])[:, tf.newaxis]
        return self.choice_model(2 - sensitivity * slate.documents, slate.mask)

    def outcome(self, state, slate, draw):
        clicked = super().outcome(state, slate, draw).clicked
        return Purchase(clicked, clicked * slate.documents)

    def update(self, state, slate, response, innovation):
        paid = tf.reduce_sum(response.paid, axis=1)
        return {**state, "patience": state["patience"] - tf.where(paid > 0, 0.1 * paid, 0.2)}

    def departure(self, state):
        return state["patience"] <= 0

    def observe(self, state):
        return state["student"]


class Offers(recsim_tf.DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Uniform(tf.zeros([num_users, num_candidates]), 1.0), 1)

    def observe(self, documents):
        return documents


# %% A training as on the command line, with a return for each group of users.
gin.external_configurable(lambda response: tf.reduce_sum(response.paid, axis=1), "revenue")
gin.external_configurable(lambda user: user["student"], "student")
gin.external_configurable(lambda: recsim_tf.Simulator(Shoppers(), Offers()), "shop")
bindings = [
    "experiment.simulator = @shop()",
    "Simulator.reward_fn = @revenue",
    "experiment.create_agent = @create_slate_q",
    "create_slate_q.optimizer = @Adam",
    "Evaluation.segments = {'student': @student}",
    "train.eval_interval = 50",
    f"train.num_iterations = {10 if QUICK else 1000}",
]
options = [f"--root_dir={FOLDER}", *(f"--gin_bindings={line}" for line in bindings)]
assert recsim_tf.command_line.cli.run(["train", *options]) == 0

# %%
returns = [f"return/student={number}/eval" for number in (0, 1)]
curve = pandas.read_json(f"{FOLDER}/metrics.jsonl", lines=True).dropna(subset=returns)
axes = curve.plot("iteration", returns, ylabel="revenue a session", grid=True)
axes.legend(["adults", "students"])
axes.figure.savefig(f"{FOLDER}/own_environment.png", dpi=120)
curve[["iteration", *returns]].tail()  # a notebook shows it
