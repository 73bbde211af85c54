# %% [markdown]
# # What people mean by "funny"
#
# Users rate films and tag some of them. The tags tell which directions the users mean by an
# attribute, and an agent that knows the directions understands critiques.

# %%
import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
import recsim_tf
import tensorflow as tf
from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import ConversationUsers, Items
from recsim_tf.conversations.elicitation import RecommendBest

from recipes.soft_attributes import (
    TaggingUsers,
    concept_vectors,
    ratings_and_tags,
)

NUM_USERS, NUM_TALKS = (500, 20) if "--quick" in sys.argv else (2000, 200)
FOLDER = "runs/examples/soft_attributes"
SIZES = {"num_factors": 10, "num_attributes": 5, "num_senses": 2}

# %% Ratings and tags. Users meet all films at once; who tags a film says which attributes it has,
# in the senses of this user.
users = TaggingUsers(num_films=200, **SIZES)
simulator = ratings_and_tags(users)
state = simulator.reset(NUM_USERS, seed=0)
_, transition = simulator.step(state, tf.tile([tf.range(200)], [NUM_USERS, 1]), seed=1)
ratings = transition.response
print(ratings.film[0, :5], ratings.stars[0, :5])  # -1 and 0 beyond the user's ratings

# %% Concept vectors: a logistic regression of each attribute on the films' factors. Nobody says who
# means which sense, so the sense of a user is summed out.
found = concept_vectors(users.factors, ratings, num_senses=2)
cosines = np.einsum("asf,atf->ast", users.directions, found.directions).max(axis=2)
print("cosines with the true directions", cosines)  # above 0.9 with 2,000 users

# %% Critiques, "more of this attribute": an agent that believes in the directions that it found.
speakers = ConversationUsers(directions=users.directions, **SIZES)
talks = recsim_tf.conversation(
    speakers, Items(num_items=200, num_factors=10, factors=users.factors)
)
directions = {"true": users.directions, "found": found.directions, "opposite": -users.directions}
returns = {}
for name, value in directions.items():
    believed = GaussianBelief(speakers.with_parameters({"directions": value}))
    agent = RecommendBest(talks, belief=believed)
    trajectory = talks.rollout(agent, NUM_TALKS, num_steps=10, seed=0)
    returns[name] = float(tf.reduce_sum(trajectory.transitions.reward)) / NUM_TALKS

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.bar(range(cosines.size), cosines.ravel())
left.set(xlabel="sense of an attribute", ylabel="cosine with the direction found")
right.bar(list(returns), list(returns.values()))
right.set(xlabel="directions that the agent believes in", ylabel="return of a conversation")
figure.tight_layout()
pathlib.Path(FOLDER).mkdir(parents=True, exist_ok=True)
figure.savefig(f"{FOLDER}/soft_attributes.png", dpi=120)
