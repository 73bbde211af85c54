"""Questions about attributes with and without an anchor, in world W2: W1 with noisy choices and
sharp answers.

A question without an anchor tells on which side of zero a taste lies in one direction. Asked again
it tells no more. An anchor moves the question to where the belief is uncertain (Biyik et al. 2023,
arXiv 2311.02085).
"""

import numpy as np
from conversations import worlds
from conversations.common import Bar, Section, Settings

from recsim_tf.policies.elicitation import AskAttributes, AskMost
from recsim_tf.tables import text_table

_TURNS = (0, 1, 2, 4, 8, 12)
_NUM_USERS = {False: 750, True: 16}


def measure(settings: Settings) -> Section:
    num_users = _NUM_USERS[settings.quick]
    simulator = worlds.world(choice_sharpness=1.5, answer_sharpness=20.0)
    belief = worlds.belief(simulator)
    regrets = {}
    for name in ("anchored", "unanchored"):
        entry = AskAttributes(worlds.NUM_ATTRIBUTES, anchored=name == "anchored")
        policy = AskMost(simulator, [entry], belief=belief)
        regrets[name] = worlds.course(
            simulator, policy, num_users, max(_TURNS), settings.seed
        ).regret
    rows = [("questions", *map(str, _TURNS), "±")]
    figures: dict[str, float] = {}
    for name, regret in regrets.items():
        mean, error = worlds.mean_and_error(regret[12])
        figures |= {f"anchors.{name}": mean, f"anchors.{name}_se": error}
        rows.append((name, *(f"{regret[turn].mean():.3f}" for turn in _TURNS), f"{error:.3f}"))
    one, other = regrets["anchored"][12], regrets["unanchored"][12]
    ratio = one.mean() / other.mean()
    # Of a ratio of means of the same users, by the delta method.
    error = np.std(one - ratio * other, ddof=1) / np.sqrt(num_users) / other.mean()
    figures |= {"anchors.ratio": float(ratio), "anchors.ratio_se": float(error)}
    lines = [
        f"Regret after questions about attributes, {num_users} users (W2)",
        *text_table(rows).splitlines(),
        Bar("anchors.ratio", ratio, 0, 0.85).line(settings.quick) + f" (± {error:.3f})",
    ]
    return Section(figures, {}, lines)
