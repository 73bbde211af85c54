import numpy as np
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.types import Slate
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    PlainVideos,
    interest_evolution,
)
from recsim_tf.policies.choice_scores import AffinityScores, LearnedScores

SLATE = tf.constant([[4, 0, 2], [1, 5, 3], [5, 4, 3]])


def probabilities(scores, observation, slate):
    """What the scores say of a slate: [B, K + 1], the last for no click."""
    weights, no_click_weight = scores(observation)
    shown = np.take_along_axis(weights.numpy(), slate.numpy(), axis=1)
    shown = np.concatenate([shown, no_click_weight.numpy()[:, np.newaxis]], axis=1)
    return shown / shown.sum(-1, keepdims=True)


def simulated(pure, seed=1):
    """An observation of three users and their own choice probabilities from `SLATE`."""
    state = pure.reset(3, seed)
    documents = nests.take(pure.documents.describe(state.candidates, state.corpus), SLATE)
    shown = Slate(
        pure.documents.show(documents, hidden=tf.zeros(SLATE.shape)),
        mask=tf.ones(SLATE.shape, tf.bool),
    )
    return pure.observe(state), pure.users.response(state.user, shown).probs.numpy()


def test_affinity_scores_are_the_choice_model_of_interest_evolution():
    observation, expected = simulated(interest_evolution(num_candidates=6))
    np.testing.assert_allclose(
        probabilities(AffinityScores(), observation, SLATE), expected, rtol=1e-5
    )


def test_affinity_scores_of_the_logit_are_its_choice_model():
    choice_model = choice.MultinomialLogit(no_click_mass=0.7)
    users = InterestEvolutionUsers(choice_model=choice_model)
    observation, expected = simulated(
        interest_evolution(num_candidates=6, users=users, documents=PlainVideos())
    )
    scores = AffinityScores(choice_model)
    np.testing.assert_allclose(probabilities(scores, observation, SLATE), expected, rtol=1e-5)


def test_the_parameters_of_affinity_scores_replace_those_of_interest_evolution():
    choice_model = choice.MultinomialProportional(no_click_mass=3.0)
    users = InterestEvolutionUsers(choice_model=choice_model)
    observation, expected = simulated(interest_evolution(num_candidates=6, users=users))
    np.testing.assert_allclose(
        probabilities(AffinityScores(choice_model), observation, SLATE), expected, rtol=1e-5
    )
    assert np.abs(probabilities(AffinityScores(), observation, SLATE) - expected).max() > 0.1


def test_learned_scores_are_the_softmax_of_the_logits_without_gradient():
    logits, no_click_logit = (
        tf.Variable(np.log(np.float32([[1, 2]]))),
        tf.Variable(np.log(np.float32([5]))),
    )
    scores = LearnedScores(lambda observation: ((logits * 1, no_click_logit * 1), ()))
    with tf.GradientTape() as tape:
        weights, no_click_weight = scores(None)
        total = tf.reduce_sum(weights[:, 0]) + tf.reduce_sum(no_click_weight)
    np.testing.assert_allclose(weights, [[1 / 8, 2 / 8]], rtol=1e-6)
    np.testing.assert_allclose(no_click_weight, [5 / 8], rtol=1e-6)
    assert tape.gradient(total, [logits, no_click_logit]) == [None, None]
