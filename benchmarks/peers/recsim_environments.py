"""RecSim 0.2.4's environments by the names that recsim_tf gives them. Python 3.6 and later; nothing
of recsim_tf is needed.
"""

import os
import sys
import warnings

# The exit status where RecSim cannot be imported.
MISSING = 3

# The time limit of RecSim's runner, for sessions that do not end by themselves.
MAX_STEPS = 27000


def create(environment_id, slate_size, num_candidates):
    """Returns RecSim's version and environment; exits with status `MISSING` where RecSim cannot be
    imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    try:
        from pkg_resources import get_distribution
        from recsim.environments import (
            interest_evolution,
            interest_exploration,
            long_term_satisfaction,
        )
    except ImportError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(MISSING)
    modules = {
        "InterestEvolution-v1": interest_evolution,
        "InterestExploration-v1": interest_exploration,
        "LongTermSatisfaction-v1": long_term_satisfaction,
    }
    config = {
        "slate_size": slate_size,
        "num_candidates": num_candidates,
        "resample_documents": True,
        "seed": 0,
    }
    return get_distribution("recsim").version, modules[environment_id].create_environment(config)
