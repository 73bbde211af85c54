# %% [markdown]
# # A fit from a table
#
# A log is a table with a row for each document shown. A simulation with known parameters makes it
# here. The fit finds the parameters, and tells how sure it is.

# %%
import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas
import recsim_tf
import tensorflow as tf
from recsim_tf import fitting
from recsim_tf.environments.drifting_taste import Catalogue
from tensorflow_probability import distributions as tfd

NUM_SESSIONS = 300 if "--quick" in sys.argv else 3000
NUM_TOPICS, NUM_ARTICLES, FOLDER = 4, 40, "runs/examples/fit_table"


# %% Readers click by topic, more on a topic that they have read, and less on a phone.
class Readers(recsim_tf.UserModel):
    appeal: tuple = recsim_tf.parameter((0.0,) * NUM_TOPICS, rank=1)
    phone: float = recsim_tf.parameter(0.0)
    habit: float = recsim_tf.parameter(0.0)

    def initial_draws(self, num_users):
        return tfd.Bernoulli(probs=tf.fill([num_users], 0.5))

    def initial_state(self, draws):
        return {"phone": draws, "read": tf.zeros([*draws.shape, NUM_TOPICS])}

    def response(self, state, slate):
        topics = slate.documents.factors  # [B, K, topics]
        liking = self.per_user("appeal", 2) + self.per_user("habit", 2) * state["read"]
        on_phone = self.per_user("phone", 2) * tf.cast(state["phone"], tf.float32)[:, tf.newaxis]
        return recsim_tf.choice.MultinomialLogit(0.0)(tf.linalg.matvec(topics, liking) + on_phone)

    def update(self, state, slate, response, innovation):
        clicked = tf.linalg.matvec(slate.documents.factors, response.clicked, transpose_a=True)
        return {**state, "read": 0.8 * state["read"] + clicked}

    def observe(self, state):
        return state["phone"]


# %% The table, and who is on a phone.
truth = {"users.appeal": [-2.0, -1.5, -1.0, -0.5], "users.phone": -0.4, "users.habit": 0.3}
topics = np.eye(NUM_TOPICS)[np.arange(NUM_ARTICLES) % NUM_TOPICS]
simulator = recsim_tf.Simulator(Readers(), Catalogue(NUM_ARTICLES, NUM_TOPICS, factors=topics))
simulated = fitting.simulated_log(simulator.with_parameters(truth), NUM_SESSIONS, num_steps=10)
index = np.stack(np.indices(simulated.documents.shape), axis=-1).reshape(-1, 3)
table = pandas.DataFrame(index, columns=["session", "step", "position"])
table["document"] = simulated.documents.reshape(-1)
table["clicked"] = (simulated.response[..., np.newaxis] == np.arange(3)).reshape(-1).astype(int)
print(table.head(6))

# %% The fit.
columns = {name: name for name in table.columns}  # what each is called in your table
read = fitting.logs.from_table(table, columns, document_ids=np.arange(NUM_ARTICLES))
log = read.log._replace(initial=simulated.initial[read.session_ids])
parameters = {name: fitting.Parameter(start=np.zeros_like(value)) for name, value in truth.items()}
found = fitting.fit(simulator, parameters, log).estimates.values()

# %% The truth and the 95 % intervals.
names = ["topic 0", "topic 1", "topic 2", "topic 3", "on a phone", "habit"]
estimates = pandas.DataFrame({"name": names, "truth": np.hstack(list(truth.values()))})
for part in ("value", "low", "high"):
    estimates[part] = np.hstack([getattr(estimate, part) for estimate in found])
print(estimates)
estimates["error"] = estimates.high - estimates.value
axes = estimates.plot("name", "value", yerr="error", fmt="o", capsize=5, label="fit", grid=True)
estimates.plot("name", "truth", style="k_", markersize=20, ax=axes, rot=20)
pathlib.Path(FOLDER).mkdir(parents=True, exist_ok=True)
plt.savefig(f"{FOLDER}/fit_table.png", dpi=120)
