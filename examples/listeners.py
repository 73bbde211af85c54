# %% [markdown]
# # Users from components
#
# Listeners of songs have a segment, a taste that drifts towards what they hear, and a mood that
# changes by chance. Each is a component that is written already. A fit finds the drift from a log
# of sessions.

# %%
import pathlib
import sys

import matplotlib.pyplot as plt
import recsim_tf
import tensorflow as tf
from recsim_tf import dynamics, fitting, logs
from recsim_tf.policies import random_policy
from tensorflow_probability import distributions as tfd

NUM_USERS = 100 if "--quick" in sys.argv else 2000
NUM_STEPS, FOLDER = 20, "runs/examples/listeners"


# %%
class Listeners(dynamics.ComponentUsers):
    segment: dynamics.Component = dynamics.FromTable(((1.5, 0.0), (0.0, 1.5)), logits=(0.4, 0.0))
    taste: dynamics.Component = dynamics.LinearGaussian(2, transition=0.9, gain=0.3, noise=0.1)
    mood: dynamics.Component = dynamics.MarkovChain(((2.0, 0.0), (0.0, 2.0)))  # low or high
    choice_model: recsim_tf.choice.ChoiceModel = recsim_tf.choice.MultinomialLogit(1.0)

    def controls(self, state, slate, response):
        heard = response.clicked[:, :, tf.newaxis] * slate.documents
        return {"taste": tf.reduce_sum(heard, axis=1)}

    def response(self, state, slate):
        liked = tf.linalg.matvec(slate.documents, state.segment + state.taste)
        return self.choice_model((1 + state.mood[:, 1:]) * liked, slate.mask)

    def observe(self, state):
        return state.taste[:, :0]  # Nobody sees anything of them.


class Songs(recsim_tf.DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, num_candidates, 2]), 1.0), 2)

    def observe(self, documents):
        return documents


# %% Sessions, and what the listeners were like in them.
simulator = recsim_tf.Simulator(Listeners(), Songs(), slate_size=3, num_candidates=10)
recsim_tf.check(simulator)
trajectory = simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed=0)
states = simulator.replay(trajectory).user  # of each step and user
print(states._fields, states.taste.shape)

# %% The fit. The log lacks the segment of a user, which is summed out.
log = logs.from_trajectory(trajectory)
log = log._replace(initial=log.initial._replace(segment=()))
truth = {"users.taste.transition": 0.9, "users.taste.gain": 0.3}
parameters = {name: fitting.Parameter(0.5) for name in truth}
found = fitting.fit(simulator, parameters, log).estimates

# %% Tastes that drift, and the 95 % intervals of the fit.
figure, (drifts, fit) = plt.subplots(1, 2, figsize=(10, 4))
drifts.plot(states.taste[:, :5, 0])
drifts.set(xlabel="step", ylabel="taste in the first feature")
for number, (name, value) in enumerate(truth.items()):
    estimate = found[name]
    error = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
    fit.errorbar(number, estimate.value, yerr=error, fmt="C0o", capsize=5)
    fit.plot(number, value, "k_", markersize=20)
    print(name, estimate.value, "truth", value)
fit.set_xticks(range(len(truth)), list(truth))
figure.tight_layout()
pathlib.Path(FOLDER).mkdir(parents=True, exist_ok=True)
figure.savefig(f"{FOLDER}/listeners.png", dpi=120)
