"""Parameters of all models of all environments, found in the models themselves."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from campaign.numbers import uses, values
from campaign.numbers.outcomes import Case

import recsim_tf
from recsim_tf import choice, dynamics
from recsim_tf.core.parameters import Model
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments import (
    conversation,
    drifting_taste,
    ecosystem,
    interest_evolution,
    key_terms,
    long_term_satisfaction,
    page_clicks,
    soft_attributes,
)
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.policies import random_policy

_SIZES = {"slate_size": 2, "num_candidates": 4, "max_steps": 20}
_NUM_USERS, _NUM_STEPS = 16, 12


def subjects() -> dict[str, Callable[[], Simulator]]:
    """Simulators by name, in which every model of every environment occurs, with a value for all
    that may be None.
    """
    found = {name: functools.partial(_made, name) for name in recsim_tf.registered()}
    found |= {
        "InterestEvolution-v1, hazard": lambda: recsim_tf.interest_evolution(
            interest_evolution.InterestEvolutionUsers(
                10, departure_temperature=1.0, user_quality_factor=0.1
            ),
            interest_evolution.UtilityVideos(10, topic_quality_means=[0.1] * 10),
            **_SIZES,
        ),
        "InterestEvolution-v1, plain": lambda: recsim_tf.interest_evolution(
            interest_evolution.InterestEvolutionUsers.plain(
                choice_model=choice.MultinomialLogit(0.0)
            ),
            interest_evolution.PlainVideos(),
            **_SIZES,
        ),
        "InterestEvolution-v1, shared": lambda: recsim_tf.interest_evolution(
            documents=recsim_tf.SharedCandidates(interest_evolution.UtilityVideos()), **_SIZES
        ),
        "Ecosystem-v0, leaving": lambda: _made(
            "Ecosystem-v0",
            documents=ecosystem.Providers(ecosystem.provider_layout(0), leaving_hazard=0.1),
        ),
        "LongTermSatisfaction-v1, tutorial": lambda: recsim_tf.long_term_satisfaction(
            True, **_SIZES
        ),
        "ReturnVisits-v0, of any users": lambda: recsim_tf.return_visits(
            dynamics.ReturningUsers(
                long_term_satisfaction.LongTermSatisfactionUsers(),
                visit_steps=3,
                daily_discount=0.9,
            ),
            **_SIZES,
        ),
        "DriftingTaste-v0, popularity": lambda: recsim_tf.drifting_taste(
            drifting_taste.DriftingTasteUsers(2, choice_model=choice.MultinomialLogit(0.0)),
            drifting_taste.Catalogue(
                6, 2, pull=np.eye(6, 2), popularity=[1.0] * 6, replacement=False
            ),
            **_SIZES,
        ),
        "KeyTerms-v0, key-terms": lambda: recsim_tf.key_terms(
            key_terms.KeyTermUsers(3),
            key_terms.KeyTermDocuments(
                5, 2, 3, num_offered_arms=2, features=key_terms.draw_catalogue(5, 2, 3, seed=0)
            ),
            **_SIZES,
        ),
        "Conversation-v0, senses": lambda: recsim_tf.conversation(
            conversation.ConversationUsers(
                3,
                num_attributes=2,
                num_senses=2,
                sense_probs=(0.4, 0.6),
                effort=[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
                act_effects=np.zeros([7, 9]),
            ),
            conversation.Items(6, 3, bias=[0.1] * 6),
            **_SIZES,
        ),
        "ratings and tags": lambda: soft_attributes.ratings_and_tags(
            soft_attributes.TaggingUsers(
                6, 4, 2, 2, topics=np.ones([2, 4]), lowest_peak=0.5, max_ratings=2
            ),
            **_SIZES,
        ),
        "PageClicks-v0, categories": lambda: recsim_tf.page_clicks(
            page_clicks.PageClickUsers(position_effect=[0.0, 0.1]),
            page_clicks.PageItems(
                5,
                categories=np.arange(10).reshape(5, 2) % 3,
                category_effect=np.zeros([2, 3]),
                numeric=np.linspace(-1, 1, 5),
                affinity_probs=(0.5, 0.3, 0.2),
            ),
            **_SIZES,
        ),
    }
    for kind in _concrete(choice.ChoiceModel):
        name = f"InterestEvolution-v1, {kind.__name__}"
        found[name] = functools.partial(_with_choice_model, kind)
    return found


def _made(name: str, **arguments: Any) -> Simulator:
    return uses.small_simulator(name, **_SIZES, **arguments)


def cases(name: str) -> Iterator[Case]:
    """Of the subject of that name: of what no earlier subject of its environment has."""
    simulator = subjects()[name]()
    seen = _seen_before(name)
    fields = [each for each in _fields("", simulator) if _key(*each) not in seen]
    for path, field, value in fields:
        for hostile in _hostile(field, value):
            use = functools.partial(_use, name, path, hostile.value)
            yield Case(name, path, hostile.fault, hostile.is_never_right, _shown(hostile), use)
    parameters = simulator.parameters()
    for path in [path for path, *_ in fields if path in parameters]:
        value = parameters[path]
        for hostile in values.for_number(value, False):
            yield Case(
                name,
                path,
                f"compared, {hostile.fault}",
                hostile.is_never_right,
                _shown(hostile),
                functools.partial(_compare, name, path, value, hostile.value),
            )


def _seen_before(name: str) -> set[tuple]:
    """What earlier subjects of the same environment have."""
    found: set[tuple] = set()
    for other, make in subjects().items():
        if other == name:
            break
        if other.partition(",")[0] == name.partition(",")[0]:
            found |= {_key(*each) for each in _fields("", make())}
    return found


def _key(path: str, field: dataclasses.Field, value: Any) -> tuple:
    # Fields of one model are the same object, wherever it is; None and a table are other cases.
    return path.partition(".")[0], id(field), value is None, np.ndim(value)


def _concrete(kind: type[Model]) -> Iterator[type[Model]]:
    for sub in kind.__subclasses__():
        if not getattr(sub, "__abstractmethods__", None):
            yield sub
        yield from _concrete(sub)


def _with_choice_model(kind: type[choice.ChoiceModel]) -> Simulator:
    users = interest_evolution.InterestEvolutionUsers(choice_model=kind())
    return recsim_tf.interest_evolution(users, **_SIZES)


def _fields(prefix: str, model: Model) -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """All fields of a model and of those inside it, by their paths."""
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        path = f"{prefix}{field.name}"
        if isinstance(value, Model):
            yield from _fields(f"{path}.", value)
        elif not callable(value):
            yield path, field, value


def _hostile(field: dataclasses.Field, value: Any) -> Iterator[values.Hostile]:
    may_be_none = field.default is None
    kinds = {
        bool: values.for_flag,
        str: values.for_text,
        tf.DType: values.for_dtype,
        int: functools.partial(values.for_size, may_be_none),
        int | None: functools.partial(values.for_size, may_be_none),
        float: functools.partial(values.for_one_number, value, may_be_none),
    }
    if field.metadata:
        return values.for_number(value, may_be_none)
    if field.name == "seed":
        return values.for_seed()
    return kinds.get(field.type, values.for_table)()


def _with(model: Model, path: str, value: Any) -> Model:
    first, _, rest = path.partition(".")
    inner = _with(getattr(model, first), rest, value) if rest else value
    return dataclasses.replace(model, **{first: inner})


def _use(name: str, path: str, value: Any) -> Mapping[str, Any]:
    """Makes the simulator, checks it, simulates and scores."""
    simulator = _with(subjects()[name](), path, value)
    recsim_tf.check(simulator)
    num_users = simulator.num_users or _NUM_USERS
    trajectory = simulator.rollout(random_policy(simulator), num_users, _NUM_STEPS, seed=0)
    states = simulator.replay(trajectory)
    last = tf.nest.map_structure(lambda leaf: leaf[-1], states)
    return {
        "rewards": trajectory.transitions.reward,
        "log_prob": simulator.log_prob(trajectory),
        "states": states,
        "observation": simulator.observe(last),
    }


def _compare(name: str, path: str, valid: Any, value: Any) -> Any:
    """Compares the value with one that is right, as `Evaluation.compare` does."""
    simulator = subjects()[name]()
    evaluation = Evaluation(2, 3, compare={path: (np.asarray(valid), value)})
    simulator = evaluation.comparison.simulator(simulator)
    policy = random_policy(simulator)
    return simulator.rollout(policy, simulator.num_users, 3, seed=0).transitions.reward


def _shown(hostile: values.Hostile) -> str:
    text = repr(hostile.value)
    return text if len(text) < 60 else f"{text[:56]} ..."
