# SPDX-License-Identifier: Apache-2.0
"""What evaluations and comparisons refuse, each in one line."""

import pytest

import recsim_tf
from recsim_tf.evaluation import Measure
from recsim_tf.evaluation.baselines import baseline_policies
from recsim_tf.evaluation.comparison import Comparison
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import (
    coverage,
    provider_exposure,
    provider_gini,
    slate_diversity,
)
from recsim_tf.policies import random_policy
from tests.core.toy import toy_simulator
from tests.evaluation.test_comparison import NO_CLICK_MASS, Boosted
from tests.evaluation.test_own_measures import hidden_seen, is_high
from tests.refusals import assert_refused

NUM_USERS = 4


def compared(values, seeds=(1,)):
    return Comparison(values, seeds, NUM_USERS)


def environment(build, values):
    return compared(values).simulator(getattr(recsim_tf, build)())


def policies(values):
    simulator = recsim_tf.interest_exploration()
    made = baseline_policies({"Random": "random", "own": Boosted}, simulator)
    return compared(values).policies(made)


def evaluated(simulator, **arguments):
    policy = {"Random": random_policy(simulator)}
    return Evaluation(NUM_USERS, 3, **arguments).evaluate(simulator, policy)


REFUSED = {
    # Values and seeds.
    r"values of Users.mass must be a tuple of at least one, got \(\)": (
        lambda: compared({"Users.mass": ()})
    ),
    "values of Users.mass must differ, got 1.0 twice": (
        lambda: compared({"Users.mass": (1, 2, 1.0)})
    ),
    "values of Users.mass must be numbers, or tables of numbers of one shape, got .*'2'": (
        lambda: compared({"Users.mass": (1, "2")})
    ),
    "seeds must be a tuple of at least one": lambda: Evaluation(NUM_USERS, seeds=()),
    "seeds must differ, got 4 twice": lambda: Evaluation(NUM_USERS, seeds=(4, 4)),
    # What an environment does not take.
    "values: Simulator has no parameter nothing.x; its parameters are users.choice_model": (
        lambda: environment("interest_evolution", {"nothing.x": (1, 2)})
    ),
    "InterestEvolutionUsers has no parameter nothing; .* there is recsim-tf sweep": (
        lambda: environment("interest_evolution", {"users.nothing": (1, 2)})
    ),
    r"does not take users.memory_discount=1.5: memory_discount must be in \[0, 1\), got 1.5": (
        lambda: environment("long_term_satisfaction", {"users.memory_discount": (0.5, 1.5)})
    ),
    r"topic_distribution=\(0.5, 0.6\): topic_distribution must be non-negative and sum to 1": (
        lambda: environment(
            "interest_exploration", {"documents.topic_distribution": ((0.5, 0.5), (0.5, 0.6))}
        )
    ),
    "num_users must be 8, for which the models have parameters, got 5": (
        lambda: environment("interest_evolution", {NO_CLICK_MASS: (1.0, 2.0)}).reset(5, seed=0)
    ),
    # What a policy does not take.
    "values: no policy has a parameter policy.cap: Random has none; own has policy.boost; for agen"
    "ts and other settings there is recsim-tf sweep": lambda: policies({"policy.cap": (0, 1)}),
    r"values: the policy does not take policy.boost=5: boost must be in \[0, 3\], got 5": (
        lambda: policies({"policy.boost": (0, 5)})
    ),
    "does not take policy.boost='one for each user': boost must be a number, or one for": (
        lambda: policies({"policy.boost": ((0.0, 1.0), (1.0, 2.0))})
    ),
    # Parts.
    "num_users must be a multiple of num_replicas=4, got 10": (
        lambda: Evaluation(10, num_replicas=4)
    ),
    # Measures and segments.
    "must have new names without '/', ',' and .* got 'return'": (
        lambda: Evaluation(measures={"return": hidden_seen})
    ),
    "must have new names .* got 'a/b'": lambda: Evaluation(segments={"a/b": is_high}),
    r"Evaluation.measures\['m'\] must be a function, got 3": lambda: Evaluation(measures={"m": 3}),
    "Evaluation.segments must have new names .* got 'm'": (
        lambda: Evaluation(measures={"m": hidden_seen}, segments={"m": is_high})
    ),
    r"measures\['m'\] must give \[4\], one for each user, got float32 \(4, 2\)": (
        lambda: evaluated(toy_simulator(), measures={"m": lambda step: step.response.level})
    ),
    r"measures\['m'\] must use counted measures, return, steps, .* got 'revenue'": (
        lambda: evaluated(toy_simulator(), measures={"m": Measure.ratio("revenue", "steps")})
    ),
    r"segments\['s'\] must give integers \[4\], one for each user, got float32 \(4,\)": (
        lambda: evaluated(toy_simulator(), segments={"s": lambda user: user.level})
    ),
    "coverage needs candidates that stay: resample_documents=False": (
        lambda: evaluated(recsim_tf.interest_evolution(), measures={"own": coverage()})
    ),
    r"provider_exposure.provider must be in \[0, 20\), got 20": (
        lambda: provider_exposure(20).shape(recsim_tf.interest_evolution())
    ),
    r"provider_exposure.provider must be in \[0, 20\), got -1": (
        lambda: provider_exposure(-1).shape(recsim_tf.interest_evolution())
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_evaluated_is_said_in_one_line(message):
    assert_refused(REFUSED[message], message)


@pytest.mark.parametrize("measure", [provider_gini(), provider_exposure(), slate_diversity()])
def test_providers_are_told_by_responses(measure):
    message = "measures of providers and clusters need responses with a bounded cluster_id, got"
    assert_refused(lambda: measure.shape(recsim_tf.drifting_taste()), message)
