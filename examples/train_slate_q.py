# %% [markdown]
# # Train SlateQ
#
# Users of interest evolution have a budget of time. What they watch moves their interests, and
# videos of low quality use up the budget. An agent sees interests, topics, and what was clicked.

# %%
import functools
import pathlib
import sys

import pandas
import recsim_tf
import tensorflow as tf
from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.agents.layers import ClusterClickStatistics
from recsim_tf.agents.shared.learning import Learning
from recsim_tf.agents.slate_q import SessionQNetwork, SlateQTargets, create_slate_q
from recsim_tf.evaluation import Evaluation
from recsim_tf.training import Iteration, Training

QUICK, FOLDER = "--quick" in sys.argv, pathlib.Path("runs/examples/train_slate_q")

# %% [markdown]
# ## A training
#
# SlateQ learns the value of a click. Here it learns what a session is worth, from sequences of a
# hundred steps, and sees how often it showed each topic and how often it was clicked.

# %%
simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=10)
create_agent = functools.partial(
    create_slate_q,
    network=SessionQNetwork,
    targets=SlateQTargets(target="differential", num_steps=100, td_lambda=0.98, clock="rewards"),
    learning=functools.partial(Learning, reward_scale_factor=0.05, average_tau=0.05),
)
training = Training(
    simulator,
    create_agent,
    layers=[ClusterClickStatistics(unit=20)],
    learning=Iteration(batch_size=20, replay_length=110),
    num_users=64 if QUICK else 2048,
    baselines=("random", "myopic", "oracle"),
)
evaluation = Evaluation(num_users=50 if QUICK else 1000)
training.run(5 if QUICK else 300, log_interval=5 if QUICK else 25, evaluation=evaluation)

# %%
results = training.evaluate(evaluation)
print(results)
FOLDER.mkdir(parents=True, exist_ok=True)
figure = training.plot(results)
figure.savefig(FOLDER / "train_slate_q.png", dpi=120)
figure  # a notebook shows it

# %% [markdown]
# ## A session
#
# The topics of each slate, the topic that was clicked (-1 for none), and the quality of the clicked
# video, which the agent never sees. It found the topics of high quality by how long sessions last.

# %%
trajectory = simulator.rollout(rollout_policy(training.policy), num_users=100, num_steps=8, seed=1)
response, user = trajectory.transitions.response, 0
topics, is_clicked = response.cluster_id[:, user], response.clicked[:, user] > 0
session = pandas.DataFrame(
    {
        "topics": topics.numpy().tolist(),
        "clicked": tf.reduce_max(tf.where(is_clicked, topics, -1), axis=1).numpy(),
        "quality": tf.reduce_sum(response.quality * response.clicked, axis=2)[:, user].numpy(),
        "reward": trajectory.transitions.reward[:, user].numpy(),
    }
)
print(session.assign(quality=session["quality"].where(session["clicked"] >= 0)))
