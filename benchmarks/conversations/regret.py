"""Regret of the item that a belief recommends, after some turns of each policy, in world W1."""

import itertools

from conversations import worlds
from conversations.common import Bar, Section, Settings

from recsim_tf.policies.elicitation import (
    AskAttributes,
    AskMost,
    ComparePairs,
    CompareSet,
    RecommendBest,
)
from recsim_tf.tables import text_table

POLICIES = {
    "set": "compare the best set",
    "evoi": "EVOI: set, pairs, attributes",
    "information_gain": "pair by information gain",
    "random_pair": "random pair",
    "random_attribute": "random attribute",
    "recommend_only": "recommend the best two",
}
_TURNS = (0, 1, 2, 4, 8)
_NUM_USERS = {False: 2000, True: 20}


def measure(settings: Settings) -> Section:
    simulator = worlds.world()
    belief = worlds.belief(simulator)
    attributes = AskAttributes(worlds.NUM_ATTRIBUTES, anchored=False)
    policies = {
        "set": AskMost(simulator, [CompareSet()], belief=belief),
        "evoi": AskMost(simulator, [CompareSet(), ComparePairs(15), attributes], belief=belief),
        "information_gain": AskMost(
            simulator, [ComparePairs(49)], "information_gain", belief=belief
        ),
        "random_pair": AskMost(simulator, [ComparePairs(1)], "random", belief=belief),
        "random_attribute": AskMost(simulator, [attributes], "random", belief=belief),
        "recommend_only": RecommendBest(simulator, belief),
    }
    figures: dict[str, float] = {}
    curves = {}
    rows = [("policy", *map(str, _TURNS), "±")]
    for name, policy in policies.items():
        found = worlds.course(
            simulator, policy, _NUM_USERS[settings.quick], max(_TURNS), settings.seed
        )
        means = [worlds.mean_and_error(regret) for regret in found.regret]
        curves[name] = {
            "mean": [mean for mean, _ in means],
            "se": [error for _, error in means],
        }
        figures |= dict(zip((f"regret_8.{name}", f"regret_8.{name}_se"), means[8], strict=True))
        rows.append(
            (POLICIES[name], *(f"{means[turn][0]:.3f}" for turn in _TURNS), f"{means[8][1]:.3f}")
        )
    at_8 = {name: figures[f"regret_8.{name}"] for name in policies}
    ordered = ("set", "information_gain", "random_pair", "random_attribute")
    rising = all(at_8[one] < at_8[other] for one, other in itertools.pairwise(ordered))
    bars = [
        Bar("regret_8.set", at_8["set"], 0, 0.36),
        Bar("regret_8.evoi", at_8["evoi"], 0, at_8["set"] + 0.05),
        Bar("regret_8.recommend_only", at_8["recommend_only"], 0.52, 0.70),
    ]
    lines = [
        f"Regret after turns, {_NUM_USERS[settings.quick]} users (W1)",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
        f"order set < information gain < random pair < random attribute: {rising}",
    ]
    return Section(figures, {"curves": curves}, lines)
