# %% [markdown]
# # An agent of your own
#
# It learns by logistic regression how likely a document is clicked, and shows the likeliest.

# %%
import pathlib
import sys

import recsim_tf
import tensorflow as tf
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.evaluation import Evaluation
from recsim_tf.training import Training
from tf_agents.agents import tf_agent

QUICK, FOLDER = "--quick" in sys.argv, pathlib.Path("runs/examples/own_agent")


# %%
class LearnedClicks(tf_agent.TFAgent):
    def __init__(self, environment, train_step_counter):
        tf.Module.__init__(self, name="LearnedClicks")
        specs = environment.time_step_spec(), environment.action_spec()
        num_features = 2 * environment.observation_spec().user.shape[0]
        layers = [tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(1)]
        self._network = tf.keras.Sequential([tf.keras.Input([None, num_features]), *layers])
        self._optimizer = tf.keras.optimizers.Adam(3e-3)
        self._optimizer.build(self._network.trainable_variables)
        roles = (*specs, self._likeliest, self._likeliest, self._network.variables)
        policies = Exploration(epsilon=0.1).policies(*roles, train_step_counter)
        super().__init__(*specs, *policies, 2, train_step_counter=train_step_counter)
        self._slate_size = specs[1].shape[0]

    def _logits(self, observation):
        """[B, N], of a click on each document."""
        documents = observation.documents
        users = tf.broadcast_to(observation.user[:, tf.newaxis], tf.shape(documents))
        return tf.squeeze(self._network(tf.concat([documents, users * documents], -1)), -1)

    def _likeliest(self, observation, policy_state, seed):
        return tf.math.top_k(self._logits(observation), self._slate_size).indices, policy_state

    def _loss(self, experience, weights=None, training=False):
        """Of trajectories [B, 2]: the response to a slate is in the observation after it."""
        before = tf.nest.map_structure(lambda leaf: leaf[:, 0], experience.observation)
        clicked = experience.observation.response.clicked[:, 1]
        logits = tf.gather(self._logits(before), experience.action[:, 0], batch_dims=1)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(clicked, logits)
        same_user = ~experience.is_boundary()[:, 0]
        return tf_agent.LossInfo(tf.reduce_mean(tf.boolean_mask(losses, same_user)), ())

    def _train(self, experience, weights=None):
        with tf.GradientTape() as tape:
            loss = self._loss(experience)
        variables = self._network.trainable_variables
        gradients = tape.gradient(loss.loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self.train_step_counter.assign_add(1)
        return loss


# %%
simulator = recsim_tf.make("InterestEvolution-v1")
training = Training(simulator, LearnedClicks, baselines=("random", "myopic"))
evaluation = Evaluation(num_users=100 if QUICK else 1000)
training.run(10 if QUICK else 500, log_interval=5 if QUICK else 25, evaluation=evaluation)
print(training.evaluate(evaluation))

# %%
tags = {"AverageEpisodeRewards/eval": "return", "CTR/eval": "clicks a step"}
curve = training.metrics.rename(columns=tags)
axes, _ = curve.plot("iteration", list(tags.values()), subplots=True, grid=True)
FOLDER.mkdir(parents=True, exist_ok=True)
axes.figure.savefig(FOLDER / "own_agent.png", dpi=120)
