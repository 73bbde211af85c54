# %% [markdown]
# # A policy that learns from a log
#
# The log of an old policy says what a new one would have earned: its rewards are weighted by how
# much likelier the new policy shows the logged slates. That value has a gradient, which a network
# climbs. Nothing is simulated while it learns. Other sessions of the log judge it, and rollouts say
# what it is worth.

# %%
import pathlib
import sys

import matplotlib.pyplot as plt
import pandas
import recsim_tf
import tensorflow as tf
from recsim_tf import logs, ope
from recsim_tf.policies import PlackettLucePolicy

QUICK, FOLDER = "--quick" in sys.argv, pathlib.Path("runs/examples/learn_from_log")
NUM_STEPS, SLATE_SIZE = 1, 3
NUM_SESSIONS, NUM_TRUTH, NUM_UPDATES = (400, 400, 20) if QUICK else (20_000, 100_000, 200)

# %% The old policy shows what users like, but not surely; the new one begins as the old one.
simulator = recsim_tf.interest_evolution(slate_size=SLATE_SIZE, num_candidates=10)
network = tf.keras.Sequential([tf.keras.layers.Dense(32, "relu"), tf.keras.layers.Dense(1, None)])
network.build([None, None, 40])  # a document's 20 features, and their products with the user's
network.layers[-1].set_weights([tf.zeros([32, 1]), tf.zeros([1])])


def liking(observation):
    return tf.linalg.matvec(observation.documents, observation.user)


def learned(observation):
    products = observation.user[:, tf.newaxis] * observation.documents
    features = tf.concat([observation.documents, products], axis=-1)
    return liking(observation) + tf.squeeze(network(features), axis=-1)


old = PlackettLucePolicy.of_logits(liking, SLATE_SIZE)
new = PlackettLucePolicy.of_logits(learned, SLATE_SIZE)
trajectory = simulator.rollout(old, NUM_SESSIONS, NUM_STEPS, seed=0)
log = logs.from_trajectory(trajectory, simulator, logging=old)
train, held_out = log.take(slice(NUM_SESSIONS // 2)), log.take(slice(NUM_SESSIONS // 2, None))
new.learned_from = logs.fingerprint(train)  # these sessions must not judge it

# %% What it climbs: rewards with weights of at most 5, divided by their mean.
objective = ope.Estimator(normalize=True, weights=ope.Weights(cap=5.0))
optimizer = tf.keras.optimizers.Adam(0.003)
optimizer.build(network.trainable_variables)


@tf.function
def update():
    with tf.GradientTape() as tape:
        loss = -ope.value(new, train, objective)
    gradients = tape.gradient(loss, network.trainable_variables)
    optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
    return -loss


rows = []
for number in range(NUM_UPDATES + 1):
    value = float(update()) if number else float(ope.value(new, train, objective))
    if number % (NUM_UPDATES // 5) == 0:
        judged = ope.evaluate(new, held_out)["snips"]
        truth = ope.truth(simulator, new, NUM_STEPS, NUM_TRUTH, seed=1).value
        rows.append([number, value, judged.value, judged.standard_error, truth])
        print(f"{number:4} updates: {value:.3f}, on other sessions {judged}, truth {truth:.3f}")

# %% The part of the log that it learned from flatters it; the other part does not.
names = ["updates", "the log it learned from", "other sessions of the log", "error", "truth"]
curve = pandas.DataFrame(rows, columns=names).set_index("updates")
axes = curve.drop(columns="error").plot(ylabel="reward of a session", grid=True)
low, high = (curve[names[2]] + sign * 1.96 * curve.error for sign in (-1, 1))
axes.fill_between(curve.index, low, high, color="C1", alpha=0.2)
FOLDER.mkdir(parents=True, exist_ok=True)
plt.savefig(FOLDER / "learn_from_log.png", dpi=120)
