"""What takes numbers beside the models, and how it is used."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from campaign.numbers import uses

from recsim_tf import choice, fitting, gradients, policies
from recsim_tf.adapters import gymnasium
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import full_slate_q, layers, reinforce, slate_q, tabular_q
from recsim_tf.agents.bandits import conversational as bandits
from recsim_tf.agents.reinforce import corrections
from recsim_tf.agents.shared import exploration, memory, returns
from recsim_tf.belief import GaussianBelief
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.environments import soft_attributes
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.training.run import Schedule
from recsim_tf.fitting.checks.calibration import calibrate
from recsim_tf.language import Vocabulary
from recsim_tf.policies import elicitation
from recsim_tf.policies.beliefs import CatalogueScores
from recsim_tf.policies.clicks import ClickScores


class Subject(NamedTuple):
    """A class or function whose arguments get impossible values."""

    function: Callable[..., Any]
    # the other arguments that it needs
    arguments: Callable[[], dict[str, Any]] = dict
    # gives what must be finite, from what the function returns
    use: Callable[[Any], Any] = lambda made: ()
    # the faults that are not tried
    without: Collection[str] = ()


# What is no number is refused by Keras, before an agent sees it.
_REFUSED_BY_KERAS = {
    "too large",
    "list",
    "text",
    "None",
    "bool",
    "complex",
    "empty list",
    "dictionary",
    "function",
}


def _agent(function, arguments) -> Subject:
    return Subject(function, arguments, uses.trained)


def _optimizer(function) -> Subject:
    return Subject(uses.trained_with(function), dict, uses.trained, _REFUSED_BY_KERAS)


def _network(function, **arguments) -> Subject:
    return Subject(function, lambda: {**uses.specs(), **arguments}, uses.called)


SUBJECTS = {
    "Vocabulary": Subject(Vocabulary, lambda: {"words": ("yes", "no")}),
    "SlateQAgent": _agent(
        slate_q.SlateQAgent, uses.of_agent(network=lambda spec: slate_q.SlateQNetwork(spec, (4,)))
    ),
    "FullSlateQAgent": _agent(
        full_slate_q.FullSlateQAgent,
        uses.of_agent(network=lambda spec: full_slate_q.FullSlateQNetwork(spec, 2, (4,))),
    ),
    "ReinforceSlateAgent": _agent(
        reinforce.ReinforceSlateAgent,
        uses.of_agent(
            actor_network=lambda spec: reinforce.SlatePolicyNetwork(spec, 2, (4,)),
            value_network=lambda spec: reinforce.StateValueNetwork(spec, (4,)),
        ),
    ),
    "TabularQAgent": _agent(tabular_q.TabularQAgent, uses.of_table),
    "Adam": _optimizer(tf.keras.optimizers.Adam),
    "SGD": _optimizer(tf.keras.optimizers.SGD),
    "legacy Adam": _optimizer(tf.keras.optimizers.legacy.Adam),
    "SlateQNetwork": _network(slate_q.SlateQNetwork),
    "SessionQNetwork": _network(slate_q.SessionQNetwork),
    "ClickNetwork": _network(slate_q.ClickNetwork),
    "TwoTowerQNetwork": _network(slate_q.TwoTowerQNetwork),
    "SlatePolicyNetwork": _network(reinforce.SlatePolicyNetwork, slate_size=2),
    "StateValueNetwork": _network(reinforce.StateValueNetwork),
    "TwoTowerPolicyNetwork": _network(reinforce.TwoTowerPolicyNetwork, slate_size=2),
    "Memory": Subject(memory.Memory),
    "FullSlateQNetwork": _network(full_slate_q.FullSlateQNetwork, slate_size=2),
    "TopicSetQNetwork": Subject(
        full_slate_q.TopicSetQNetwork,
        lambda: {
            "observation_spec": uses.small_simulator("InterestEvolution-v1").observation_spec(),
            "slate_size": 2,
        },
    ),
    "Exploration": Subject(exploration.Exploration),
    "linearly_decaying_epsilon": Subject(
        exploration.linearly_decaying_epsilon, use=lambda epsilon: epsilon(tf.Variable(3))
    ),
    "LambdaReturns": Subject(returns.LambdaReturns),
    "SlateQTargets": Subject(slate_q.SlateQTargets),
    "ImportanceWeights": Subject(
        corrections.ImportanceWeights,
        use=lambda weights: weights(tf.zeros(3), tf.ones(3), tf.ones(3)),
    ),
    "importance_weights": Subject(
        corrections.importance_weights,
        lambda: {"log_prob": tf.zeros(3), "behaviour_log_prob": tf.ones(3)},
        lambda weights: weights,
    ),
    "top_k_multiplier": Subject(
        corrections.top_k_multiplier,
        lambda: {"log_prob": tf.constant([-1.0, -2.0])},
        lambda multiplier: multiplier,
    ),
    "TemporalAggregation": Subject(layers.TemporalAggregation, lambda: {"aggregation_period": 2}),
    "SwitchingCost": Subject(layers.SwitchingCost),
    "ClusterClickStatistics": Subject(layers.ClusterClickStatistics),
    "FixedLengthHistory": Subject(layers.FixedLengthHistory),
    "TurnPolicyNetwork": Subject(reinforce.TurnPolicyNetwork, uses.of_turns, uses.drawn_turns),
    **{
        bandit.__name__: Subject(
            bandit, lambda: {"simulator": uses.small_key_terms()}, uses.asked_key_terms
        )
        for bandit in (bandits.LinUCB, bandits.ConUCB, bandits.ConLinUCB)
    },
    "logarithmic_questions": Subject(
        bandits.logarithmic_questions, lambda: {"rounds": tf.range(5)}, lambda number: number
    ),
    "periodic_questions": Subject(
        bandits.periodic_questions, lambda: {"rounds": tf.range(5)}, lambda number: number
    ),
    "GaussianBelief": Subject(
        GaussianBelief,
        lambda: {"users": uses.small_simulator("Conversation-v0").users},
        lambda belief: belief.particles(belief.initial_state(3)),
    ),
    **{
        policy.__name__: Subject(policy, uses.conversing, uses.conversed)
        for policy in (
            elicitation.AskWhileItPays,
            elicitation.RecommendBest,
            elicitation.RecommendSet,
            elicitation.ThompsonSampling,
        )
    },
    **{
        entry.__name__: Subject(entry, use=uses.told)
        for entry in (
            elicitation.AskAttributes,
            elicitation.ComparePairs,
            elicitation.CompareSet,
            elicitation.ShowChips,
            elicitation.ShowSet,
        )
    },
    "SlateCells": Subject(
        tabular_q.SlateCells, lambda: {**uses.specs(), **uses.CELLS, "slate_size": 2}
    ),
    "ClusterBandit": Subject(
        policies.ClusterBandit, lambda: {"simulator": uses.small_simulator()}, uses.slates
    ),
    **{
        kind.__name__: Subject(
            kind,
            lambda environment=environment: {"simulator": uses.small_simulator(environment)},
            lambda policy: (
                policy.simulator.rollout(policy, uses.NUM_USERS, 3, seed=0).transitions.reward
            ),
        )
        for kind, environment in (
            (policies.Boosting, "Ecosystem-v0"),
            (policies.Trending, "News-v0"),
        )
    },
    "ClickBandit": Subject(
        policies.ClickBandit,
        lambda: {
            "simulator": uses.small_simulator(),
            "arms": [
                policies.greedy_cluster_policy(uses.small_simulator(), arm) for arm in range(2)
            ],
        },
        uses.slates,
    ),
    "clickbait_policy": Subject(
        policies.clickbait_policy,
        lambda: {"simulator": uses.small_simulator("ReturnVisits-v0")},
        lambda policy: (
            uses.small_simulator("ReturnVisits-v0")
            .rollout(policy, uses.NUM_USERS, 3, seed=0)
            .transitions.reward
        ),
    ),
    "CatalogueScores": Subject(CatalogueScores, lambda: {"factors": np.ones([3, 2])}),
    "ClickScores": Subject(
        ClickScores,
        lambda: {"num_clusters": 2},
        lambda scores: scores(scores.initial_counts(3), tf.constant([0, 1])),
        # One for each of two users, which the policies check.
        without={"list"},
    ),
    "greedy_cluster_policy": Subject(
        policies.greedy_cluster_policy, lambda: {"simulator": uses.small_simulator()}, uses.slates
    ),
    "oracle_policy": Subject(
        policies.oracle_policy,
        lambda: {"simulator": uses.small_simulator("InterestEvolution-v1")},
        lambda policy: (
            uses.small_simulator("InterestEvolution-v1")
            .rollout(policy, uses.NUM_USERS, 3, seed=0)
            .transitions.reward
        ),
    ),
    "MultipleClickCascade": Subject(
        choice.MultipleClickCascade,
        use=lambda cascade: cascade(tf.zeros([2, 3])).log_prob(tf.zeros([2, 3])),
        # One for each of the two users.
        without={"list"},
    ),
    "choice.PlackettLuce": Subject(
        choice.PlackettLuce,
        use=lambda model: model(tf.zeros([2, 3])).log_prob(
            tf.zeros([2, model.num_choices], tf.int32)
        ),
        # One for each of the two users.
        without={"list"},
    ),
    "concept_vectors": Subject(
        soft_attributes.concept_vectors,
        lambda: {"factors": np.eye(4, 3), "ratings": uses.tagged_films()},
        lambda found: found,
    ),
    "catalogue": Subject(soft_attributes.catalogue, lambda: {"seed": 0}, lambda films: films),
    "fit_logistic": Subject(uses.logistic, use=lambda found: found),
    "ucb_glm_radius": Subject(
        policies.ucb_glm_radius, lambda: {"dim": 2, "horizon": 10.0}, lambda radius: radius
    ),
    "relaxed_return": Subject(uses.relaxed, use=lambda total: total),
    "relaxed_top_k": Subject(
        gradients.relaxed_top_k,
        lambda: {"keys": tf.constant([[1.0, 2.0, 3.0]]), "slate_size": 2, "temperature": 1.0},
        lambda weights: weights,
    ),
    "PlackettLuce": Subject(PlackettLuce, lambda: {"logits": tf.zeros([2, 4])}),
    "Simulator.rollout": Subject(uses.rolled, use=lambda rewards: rewards),
    "SlateEnvironment": Subject(
        SlateEnvironment,
        lambda: {"simulator": uses.small_simulator(), "batch_size": 2},
        lambda made: made.current_time_step().reward,
    ),
    "GymnasiumEnvironment": Subject(
        gymnasium.GymnasiumEnvironment,
        lambda: {"simulator": uses.small_simulator()},
        lambda made: tf.nest.flatten(made.reset()[0]),
    ),
    "GymnasiumVectorEnvironment": Subject(
        gymnasium.GymnasiumVectorEnvironment,
        lambda: {"simulator": uses.small_simulator(), "num_envs": 2},
        lambda made: tf.nest.flatten(made.reset()[0]),
    ),
    "Evaluation": Subject(Evaluation, lambda: {"num_users": 4, "max_steps": 3}, uses.evaluated),
    "train": Subject(Schedule),
    "experiment": Subject(uses.experiment_of, use=lambda parts: parts.loop.run(1).loss),
    "fit": Subject(uses.fit, use=uses.estimates),
    "Parameter": Subject(uses.start, use=uses.estimates),
    "LBFGS": Subject(fitting.LBFGS, dict, lambda search: uses.estimates(uses.fit(search=search))),
    "MonteCarloEM": Subject(
        fitting.MonteCarloEM,
        lambda: {"iterations": 3, "num_chains": 2, "num_moves": 1},
        lambda search: uses.estimates(uses.fit_of_chains(search)),
    ),
    "LouisInformation": Subject(
        fitting.LouisInformation,
        lambda: {"sweeps": 2, "num_moves": 1},
        lambda uncertainty: uses.estimates(
            uses.fit_of_chains(fitting.MonteCarloEM(3, 2, 1), uncertainty)
        ),
    ),
    "Minibatches": Subject(
        fitting.Minibatches,
        lambda: {"passes": 1},
        lambda search: uses.estimates(uses.fit(search=search)),
    ),
    "hierarchical_normal": Subject(
        fitting.hierarchical_normal, use=lambda prior: prior.log_prob(0.5)
    ),
    "simulated_log": Subject(
        fitting.simulated_log,
        lambda: {"simulator": uses.small_simulator(), "num_sessions": 3, "num_steps": 2},
        lambda log: log.active,
    ),
    "sample_parameters": Subject(uses.sampled, use=lambda samples: samples),
    "sample_sessions": Subject(uses.sampled_sessions, use=lambda samples: samples),
    "calibrate": Subject(calibrate, uses.predictions, lambda found: found.expected_error),
    "predict_choices": Subject(
        fitting.predict_choices,
        lambda: {"simulator": uses.small_simulator(), "log": uses.small_log()},
        lambda found: found.probs,
    ),
}
