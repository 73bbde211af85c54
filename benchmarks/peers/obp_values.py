"""Values that obp 0.5.7 gives for a log, in a process of an interpreter that has it.

    python obp_values.py --path=LOG.npz

The file holds feedback of slates, as `recsim_tf.logs.to_obp` gives it; or of single items, with
`action_dist` [n, A, L] and `estimated_rewards` [n, A, L]. With the `campaign` of Open Bandit and a
`seed`, obp also draws its Bernoulli Thompson sampling.
"""

import argparse
import json
import sys

import numpy as np


def of_slates(feedback, ope):
    """The mean reward of a slate."""
    size = int(feedback["position"].max()) + 1
    common = {name: feedback[name] for name in ("slate_id", "reward", "position")}
    found = {}
    for name, estimator, pscore in (
        ("ips", ope.SlateStandardIPS(len_list=size), "pscore"),
        ("iips", ope.SlateIndependentIPS(len_list=size), "pscore_item_position"),
        ("rips", ope.SlateRewardInteractionIPS(len_list=size), "pscore_cascade"),
    ):
        scores = {one: feedback[one] for one in (pscore, f"evaluation_policy_{pscore}")}
        found[name] = estimator.estimate_policy_value(**common, **scores)
    return found


def of_items(feedback, ope):
    """The mean reward of an item."""
    names = ("reward", "action", "pscore", "action_dist", "position")
    common = {name: feedback[name] for name in names}
    rewards = {"estimated_rewards_by_reg_model": feedback["estimated_rewards"]}
    return {
        "ips": ope.InverseProbabilityWeighting().estimate_policy_value(**common),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**common),
        "dr": ope.DoublyRobust().estimate_policy_value(**common, **rewards),
    }


def drawn(feedback, policy):
    """Largest difference of `action_dist` to the policy that obp draws."""
    _, num_actions, num_positions = feedback["action_dist"].shape
    sampler = policy.BernoulliTS(
        n_actions=num_actions,
        len_list=num_positions,
        random_state=int(feedback["seed"]),
        is_zozotown_prior=True,
        campaign=str(feedback["campaign"]),
    )
    found = sampler.compute_batch_action_dist(n_sim=int(feedback["num_draws"]))
    return float(abs(found[0] - feedback["action_dist"][0]).max())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", required=True)
    feedback = dict(np.load(parser.parse_args().path))
    try:
        from obp import ope, policy
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    found = (of_slates if "slate_id" in feedback else of_items)(feedback, ope)
    if "campaign" in feedback:
        found["drawn"] = drawn(feedback, policy)
    print(json.dumps({name: float(value) for name, value in found.items()}))


if __name__ == "__main__":
    main()
