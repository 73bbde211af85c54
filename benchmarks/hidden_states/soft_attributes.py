"""Soft attributes: how fast ratings and tags are made, and what critiques are worth to an agent
that knows attributes from tags alone.

Users rate and tag films. Concept vectors are fitted to their tags. Then other users of the same
world talk to an agent: they choose a film, meet the slate that the agent believes best, and
critique its first film. The agent understands the critique by the fitted vectors, by the true ones,
or by vectors at random.
"""

import time
from typing import NamedTuple

import numpy as np
import processes
import tensorflow as tf
from sections import Section, Settings, mean_and_error, section, standard_error

from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import Act, ConversationUsers, Items, conversation, query
from recsim_tf.conversations.attributes import random_directions
from recsim_tf.conversations.elicitation.believing import Tracker
from recsim_tf.conversations.parts import Critiques, Patience, Ratings, Refinements
from recsim_tf.conversations.soft_attributes import TaggingUsers, concept_vectors, ratings_and_tags
from recsim_tf.core import random
from recsim_tf.core.base.types import Turn
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator

_NUM_FILMS, _NUM_FACTORS, _NUM_ATTRIBUTES, _NUM_SENSES = 300, 10, 10, 2
_SLATE_SIZE = 3
_CRITIQUE_SHARPNESS = 6.0
# The figures are those of the first.
_NUM_TAGGERS = {False: (300, 100, 1000), True: (300,)}
# Users of one call: their particles are in memory at once.
_BATCH = 250
_SIZES = {
    False: {"users": 4000, "timed": 1000, "runs": 20},
    True: {"users": 4, "timed": 60, "runs": 1},
}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    speeds = {
        num_ratings: processes.run_worker(
            __name__,
            {"num_users": size["timed"], "num_ratings": num_ratings, "runs": size["runs"]},
            one_core=True,
        )
        for num_ratings in (50, 200)
    }
    talked = _critiques(size["users"], settings)
    gains = {name: utility - talked.before for name, utility in talked.after.items()}
    true, fitted = gains["true"], gains[_fitted(_NUM_TAGGERS[settings.quick][0])]
    lost = true - fitted
    figures = {
        "soft_attributes.seconds_50": speeds[50]["seconds"],
        "soft_attributes.seconds_200": speeds[200]["seconds"],
        "soft_attributes.first_seconds": max(each["first_seconds"] for each in speeds.values()),
    }
    for name, gain in {
        "critique_gain": fitted,
        "critique_gain_true": true,
        "critique_loss": lost,
    }.items():
        mean, error = mean_and_error(gain)
        figures |= {f"soft_attributes.{name}": mean, f"soft_attributes.{name}_se": error}
    bars = {
        "soft_attributes.seconds_50": (0.0, 0.08),
        "soft_attributes.seconds_200": (0.0, 0.15),
        "soft_attributes.first_seconds": (0.0, 1.0),
        "soft_attributes.critique_gain": (
            2 * figures["soft_attributes.critique_gain_se"],
            np.inf,
        ),
    }
    rows = [("the agent knows attributes by", "cosine", "utility of the next slate", "gain", "±")]
    for name, gain in gains.items():
        cosine = f"{talked.cosines[name]:.3f}"
        utility = f"{talked.after[name].mean():.3f}"
        rows.append((name, cosine, utility, f"{gain.mean():.3f}", f"{standard_error(gain):.3f}"))
    title = f"Critiques of {size['users']} users; the slate before has {talked.before.mean():.3f}"
    notes = [
        f"the fitted vectors lose {lost.mean():.3f} ± {standard_error(lost):.3f} of the gain",
        f"Ratings and tags of {size['timed']} users and 1000 films",
    ]
    details = {
        "speeds": {str(name): each for name, each in speeds.items()},
        "gains": {name: mean_and_error(gain) for name, gain in gains.items()},
        "cosines": talked.cosines,
    }
    return section(settings, title, rows, figures, bars, notes, details)


class _Talked(NamedTuple):
    """What became of U users, by what an agent knows attributes by."""

    before: np.ndarray  # [U], the mean utility of the slate that is critiqued
    after: dict[str, np.ndarray]  # each [U], that of the next slate
    cosines: dict[str, float]  # mean of the true directions with the nearest that are used


def _fitted(num_taggers: int) -> str:
    return f"tags of {num_taggers} users"


def _critiques(num_users: int, settings: Settings) -> _Talked:
    seed = settings.seed
    shape = (_NUM_ATTRIBUTES, _NUM_SENSES, _NUM_FACTORS)
    directions = random_directions(*shape, seed=seed)
    films = Items(num_items=_NUM_FILMS, num_factors=_NUM_FACTORS, seed=seed)
    vectors = {"true": directions}
    for num_taggers in _NUM_TAGGERS[settings.quick]:
        vectors[_fitted(num_taggers)] = concept_vectors(
            films.factors,
            _tags(films.factors, directions, num_taggers, seed),
            num_senses=_NUM_SENSES,
            max_iterations=3 if settings.quick else 300,
            seed=seed,
        ).directions
    vectors["random"] = random_directions(*shape, seed=seed + 1)
    users = ConversationUsers(
        num_factors=_NUM_FACTORS,
        directions=directions,
        num_attributes=_NUM_ATTRIBUTES,
        num_senses=_NUM_SENSES,
        # Users who may critique do, and nobody leaves.
        ignoring=-np.inf,
        ratings=Ratings(logit=-np.inf),
        refinements=Refinements(logit=-np.inf),
        critiques=Critiques(logit=40.0, sharpness=_CRITIQUE_SHARPNESS),
        patience=Patience(1e6),
        leaves_satisfied=False,
    )
    simulator = conversation(users, films, slate_size=_SLATE_SIZE, num_candidates=_NUM_FILMS)
    trackers = {
        name: Tracker(
            simulator,
            GaussianBelief(users.with_parameters({"directions": each}), num_particles=512),
        )
        for name, each in vectors.items()
    }
    talk = compiled(lambda at: _talk(simulator, trackers, min(num_users, _BATCH), at))
    batches = [talk(tf.constant([seed, batch])) for batch in range(-(-num_users // _BATCH))]
    before = np.concatenate([batch[0] for batch in batches])
    after = {name: np.concatenate([batch[1][name] for batch in batches]) for name in trackers}
    cosines = {
        name: float(np.einsum("asf,atf->ast", directions, each).max(axis=2).mean())
        for name, each in vectors.items()
    }
    return _Talked(before, after, cosines)


def _tags(factors: np.ndarray, directions: np.ndarray, num_users: int, seed: int):
    """Ratings and tags of users whose tastes are normal."""
    raters = ratings_and_tags(
        TaggingUsers(
            num_films=_NUM_FILMS,
            num_factors=_NUM_FACTORS,
            num_attributes=_NUM_ATTRIBUTES,
            num_senses=_NUM_SENSES,
            factors=factors,
            popularity=0.0,
            directions=directions,
            topics=np.zeros([1, _NUM_FACTORS], np.float32),
            taste_scale=1.0,
            are_tastes_clipped=False,
            own_senses_only=False,
            threshold=0.1,
            threshold_scale=0.05,
        )
    )
    state_seed, step_seed = random.split_seed(seed, 2)
    state = raters.reset(num_users, state_seed)
    everything = tf.tile(tf.range(_NUM_FILMS)[tf.newaxis], [num_users, 1])
    return raters.step(state, everything, step_seed)[1].response


def _talk(
    simulator: Simulator, trackers: dict[str, Tracker], num_users: int, seed
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The mean utilities [B] of the slate that is critiqued and, by tracker, of the next one."""
    start_seed, slate_seed, choice_seed, critique_seed = random.split_seed(seed, 4)
    state = simulator.reset(num_users, start_seed)
    beliefs = {name: tracker.initial_state(num_users) for name, tracker in trackers.items()}

    def turn(act, slate, turn_seed):
        nonlocal state, beliefs
        state, _ = simulator.step(state, Turn(slate, query(act, num_users=num_users)), turn_seed)
        observation = simulator.observe(state)
        beliefs = {
            name: tracker.update(beliefs[name], observation) for name, tracker in trackers.items()
        }

    def best(name):
        """The slate that a belief takes, and its mean utility."""
        observation = simulator.observe(state)
        slate = trackers[name].candidates(beliefs[name], observation).best(_SLATE_SIZE)
        utility = simulator.users.utility(state.user, observation.documents)
        return slate, tf.reduce_mean(tf.gather(utility, slate, batch_dims=1), axis=1)

    order = random.uniform([num_users, _NUM_FILMS], slate_seed)
    turn(Act.COMPARE, tf.math.top_k(order, _SLATE_SIZE).indices, choice_seed)
    # So far nobody spoke of attributes, so the beliefs are the same.
    slate, before = best("true")
    turn(Act.RECOMMEND, slate, critique_seed)
    return before, {name: best(name)[1] for name in trackers}


class Task(NamedTuple):
    """What one process measures."""

    num_users: int
    num_ratings: int
    runs: int  # that are timed


def timed(task: Task) -> dict[str, float]:
    begun = time.process_time()
    simulator = ratings_and_tags(TaggingUsers(max_ratings=task.num_ratings))

    @compiled
    def draw(seed):
        state_seed, step_seed = random.split_seed(seed, 2)
        state = simulator.reset(task.num_users, state_seed)
        everything = tf.tile(tf.range(simulator.slate_size)[tf.newaxis], [task.num_users, 1])
        return simulator.step(state, everything, step_seed)[1].response

    draw(random.as_seed(0))
    first = time.process_time() - begun
    begun = time.process_time()
    for run in range(task.runs):
        draw(random.as_seed(run))
    seconds = (time.process_time() - begun) / task.runs
    return {"seconds": seconds, "first_seconds": first}
