"""All environments, simulated for long: are all numbers finite, and does memory stay as it is?"""

import concurrent.futures

import processes
from campaign.common import Settings
from sections import Section
from speeds.common import NUM_CANDIDATES, SLATE_SIZES
from tqdm import tqdm

from recsim_tf import registered
from recsim_tf.tables import text_table

# Of all environments together; and how many users for how many steps are simulated at a time.
_USER_STEPS = {False: 10**9, True: 10**6}
_NUM_USERS = {False: 1024, True: 256}
_NUM_STEPS = {False: 1024, True: 64}
# The part of the pieces after which memory is to stay as it is.
_WARM_UP = 0.1


def measure(settings: Settings) -> Section:
    """Simulates each environment in a process of its own."""
    quick, environments = settings.quick, registered()

    def simulate(environment):
        task = {
            "environment": environment,
            "slate_size": SLATE_SIZES.get(environment, 2),
            "num_candidates": NUM_CANDIDATES,
            "user_steps": -(-_USER_STEPS[quick] // len(environments)),
            "num_users": _NUM_USERS[quick],
            "num_steps": _NUM_STEPS[quick],
            # To compile takes longer than a quick run does.
            "xla": not quick,
        }
        return processes.run_worker("campaign.soak_worker", task, one_core=False)

    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        done = pool.map(simulate, environments)
        found = dict(
            zip(
                environments, tqdm(done, "soak", len(environments), dynamic_ncols=True), strict=True
            )
        )
    growths = {name: _growth(result["resident_bytes"]) for name, result in found.items()}
    rows = [("", "million user steps", "not finite", "resident MB", "growth")]
    for name, result in found.items():
        rows.append(
            (
                name,
                f"{result['user_steps'] / 1e6:,.1f}",
                f"{result['not_finite']:,}",
                f"{result['resident_bytes'][-1] / 1e6:,.0f}",
                f"{growths[name]:.2%}",
            )
        )
    figures = {
        "soak.steps": sum(result["user_steps"] for result in found.values()),
        "soak.not_finite": sum(result["not_finite"] for result in found.values()),
        "soak.memory_growth": max(growths.values()),
    }
    lines = [
        "Long simulations: numbers that are not finite among states, draws, responses, rewards and",
        "log-probabilities; and the growth of memory after the first tenth",
        *text_table(rows).splitlines(),
    ]
    return Section(figures, {"environments": found}, lines)


def _growth(resident: list[int]) -> float:
    """The most that memory grew after the warm-up, as a part of it."""
    settled = resident[int(_WARM_UP * len(resident)) :]
    return max(settled) / settled[0] - 1.0
