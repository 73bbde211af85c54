# SPDX-License-Identifier: Apache-2.0
"""Tables of returns of agents."""

from tables.table import Table

_SIZE = "slateq_sizes/figures/@"
_RETURN = f"{{{_SIZE}/return:.1f}} ± {{error slateq_sizes/returns/@/*:.1f}}"

_SUITE = "suite/environments/@"
_ENVIRONMENTS = {
    "conversation": "Conversation-v0",
    "drifting_taste": "DriftingTaste-v0",
    "ecosystem": "Ecosystem-v0",
    "engagement_bait": "EngagementBait-v0",
    "feed": "Feed-v0",
    "interest_evolution": "InterestEvolution-v1",
    "interest_exploration": "InterestExploration-v1",
    "key_terms": "KeyTerms-v0",
    "long_term_satisfaction": "LongTermSatisfaction-v1",
    "news": "News-v0",
    "page_clicks": "PageClicks-v0",
    "return_visits": "ReturnVisits-v0",
}


def _score(kind: str) -> str:
    return f"?{{{_SUITE}/{kind}/score/value:.2f}}"


LEARNING = {
    "suite": Table(
        "",
        {f"`{label}`": name for name, label in _ENVIRONMENTS.items()},
        {
            "Random": f"{{{_SUITE}/random:.2f}}",
            "bound": f"{{{_SUITE}/bound/value:.2f}}",
            "kind": f"{{{_SUITE}/bound/kind}}",
            "best rule": f"?{{{_SUITE}/rule/policy}}",
            "its score": _score("rule"),
            "best agent": f"?`{{{_SUITE}/agent/policy}}`",
            "its return": f"?{{{_SUITE}/agent/value:.2f}}",
            "score of the agent": _score("agent"),
            "95 % interval": (
                f"?{{{_SUITE}/agent/score/low:.2f}} to {{{_SUITE}/agent/score/high:.2f}}"
            ),
        },
    ),
    "suite_scores": Table(
        "",
        {f"`{label}`": name for name, label in _ENVIRONMENTS.items()},
        {
            "best rule": _score("rule"),
            "best agent": _score("agent"),
            "95 % interval": (
                f"?{{{_SUITE}/agent/score/low:.2f}} to {{{_SUITE}/agent/score/high:.2f}}"
            ),
            "bound": f"{{{_SUITE}/bound/kind}}",
        },
    ),
    "suite_recsim": Table(
        "interest exploration",
        {
            name: name
            for name in (
                *("Random", "Greedy pCTR", "UCB1 over clusters"),
                "Thompson sampling over clusters",
            )
        },
        {
            "RecSim": (
                "{recsim_returns/figures/@/return:.2f} ± {recsim_returns/figures/@/error:.2f}"
            ),
            "recsim_tf": "{suite/environments/interest_exploration/policies/@/value:.2f}",
        },
    ),
    "sizes": Table(
        "",
        {
            name.replace("_", " "): name
            for name in ("2_of_10", "3_of_10", "3_of_20", "5_of_20", "3_of_50", "10_of_200")
        },
        {
            "SlateQ": _RETURN,
            "oracle": f"{{{_SIZE}/oracle:.1f}}",
            "part of it, %": f"{{{_SIZE} / 0.01:.1f}}",
            "at a price of": f"{{{_SIZE}/price:.1f}}",
            "a price for each user": f"{{{_SIZE}/own_prices:.1f}}",
            "Random": f"{{{_SIZE}/random:.1f}}",
        },
    ),
}
