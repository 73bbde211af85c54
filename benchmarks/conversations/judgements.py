"""Soft attributes fitted to relative judgements, in five folds: how well raters' judgements of
films are predicted.

Degrees of films, directions of attributes and scales of raters have mean-field posteriors under
hierarchical priors; predictions are averages over draws from them.
"""

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.logs.soft_attributes import (
    SoftAttributes,
    read_soft_attributes,
    soft_attributes_log,
)
from recsim_tf.conversations.soft_attributes.raters import (
    AttributeRaters,
    InitialDraw,
    Judgement,
    soft_attributes,
)
from recsim_tf.core.base.types import Slate
from recsim_tf.core.runs.execution import compiled
from recsim_tf.fitting import Classes, Minibatches, Parameter, fit, hierarchical_normal
from recsim_tf.fitting.fit import FitResult
from recsim_tf.logs import Log

_NUM_FOLDS = 5
_UNIFORM = float(np.log(3))
_SIZES = {
    False: {"passes": 60, "draws": 30, "factors": 8, "folds": _NUM_FOLDS},
    True: {"passes": 1, "draws": 2, "factors": 2, "folds": 1},
}
_BATCH = 500
# Judgements by which a mean placement is shrunk to zero.
_SHRINKAGE = 2.0
# Of raters, about one.
_SCALES = tfd.LogNormal(np.float32(0), np.float32(0.5))


def measure(settings: Settings) -> Section:
    data = _data(settings)
    num_judgements = int(data.judgement.max()) + 1
    size = _SIZES[settings.quick]
    order = np.random.default_rng(settings.seed).permutation(num_judgements)
    fold_of = order % _NUM_FOLDS
    found = {}
    models = {
        "degrees alone": (0, 1),
        "directions and factors": (size["factors"], 1),
        "two senses": (size["factors"], 2),
    }
    for name, model in models.items():
        found[name] = [
            _fold(data, fold_of[data.judgement] == fold, *model, size, settings.seed)
            for fold in range(size["folds"])
        ]
    rows = [("model", "nats", "±", "gamma", "±")]
    for name, folds in found.items():
        means = np.mean(folds, axis=0)
        errors = np.std(folds, axis=0, ddof=1) / np.sqrt(len(folds)) if len(folds) > 1 else (0, 0)
        rows.append((name, *(f"{x:.3f}" for pair in zip(means, errors, strict=True) for x in pair)))
    placed = [_placed(data, fold_of[data.judgement] == fold) for fold in range(size["folds"])]
    spread = np.std(placed, ddof=1) / len(placed) ** 0.5 if len(placed) > 1 else 0
    rows.append(("mean placements", "", "", f"{np.mean(placed):.3f}", f"{spread:.3f}"))
    nats, gamma = np.mean(found["directions and factors"], axis=0)
    figures = {
        "soft_attributes.nats": float(nats),
        "soft_attributes.gamma": float(gamma),
        "soft_attributes.gamma_of_placements": float(np.mean(placed)),
    }
    title = (
        f"Held-out judgements of SoftAttributes, {num_judgements} in {_NUM_FOLDS} folds; a"
        f" guess has {_UNIFORM:.3f} nats"
    )
    bars = {"soft_attributes.gamma": (0.47, 1), "soft_attributes.nats": (0, 0.97)}
    return section(settings, title, rows, figures, bars, details={"folds": found})


def _data(settings: Settings) -> SoftAttributes:
    if settings.path:
        return read_soft_attributes(settings.path)
    if not settings.quick:
        raise ValueError("--path must name soft-attributes.csv of docs/conversations.md, got none")
    generator = np.random.default_rng(0)
    num_films = generator.integers(2, 5, size=40)
    judgement = np.repeat(np.arange(40), num_films).astype(np.int32)
    total = len(judgement)
    return SoftAttributes(
        judgement,
        (judgement % 4).astype(np.int32),
        (judgement % 3).astype(np.int32),
        (judgement % 7).astype(np.int32),
        generator.integers(0, 9, total).astype(np.int32),
        generator.integers(0, 3, total).astype(np.int32),
        np.arange(4),
        ("a", "b", "c"),
        tuple(map(str, range(9))),
    )


def _taken(data: SoftAttributes, rows: np.ndarray) -> SoftAttributes:
    names = ("judgement", "rater", "attribute", "reference", "film", "relation")
    return data._replace(**{name: getattr(data, name)[rows] for name in names})


def _fold(
    data: SoftAttributes, held_out: np.ndarray, factors: int, senses: int, size, seed: int
) -> tuple[float, float]:
    """Nats a comparison and gamma of the held-out comparisons."""
    slate_size = int(np.bincount(data.judgement).max())
    train = soft_attributes_log(_taken(data, ~held_out), slate_size)
    test = soft_attributes_log(_taken(data, held_out), slate_size)
    result = _fit(data, train, factors, senses, slate_size, size["passes"], seed)
    probs, degrees = _predicted(result, test, size["draws"], seed)
    shown, relation = test.shown[:, 0], test.response[:, 0]
    logged = np.take_along_axis(probs, relation[..., np.newaxis], axis=-1)[..., 0]
    return -float(np.log(logged[shown]).mean()), _gamma(degrees, relation, shown)


def _placed(data: SoftAttributes, held_out: np.ndarray) -> float:
    """Gamma of the held-out comparisons by the mean placement of each film, 1 above the reference
    and -1 below it, over the judgements of its attribute; shrunk to zero as by `_SHRINKAGE` more.
    """
    slate_size = int(np.bincount(data.judgement).max())
    sums, counts = (np.zeros([len(data.attribute_names), len(data.titles)]) for _ in range(2))
    train = _taken(data, ~held_out)
    np.add.at(sums, (train.attribute, train.film), train.relation - 1)
    np.add.at(counts, (train.attribute, train.film), 1)
    test = soft_attributes_log(_taken(data, held_out), slate_size)
    attribute = Judgement(*(leaf[:, 0] for leaf in test.query)).attribute[:, np.newaxis]
    degrees = (sums / (counts + _SHRINKAGE))[attribute, test.documents[:, 0]]
    return _gamma(degrees, test.response[:, 0], test.shown[:, 0])


def _fit(
    data, log: Log, factors: int, senses: int, slate_size: int, passes: int, seed: int
) -> FitResult:
    num_raters, num_films = len(data.rater_ids), len(data.titles)
    num_attributes = len(data.attribute_names)
    raters = AttributeRaters(
        num_raters=num_raters,
        num_attributes=num_attributes,
        num_films=num_films,
        num_factors=max(factors, 1),
        num_senses=senses,
        seed=seed,
    )
    if not factors:
        zeros = np.zeros([num_attributes, 1, 1], np.float32)
        raters = raters.with_parameters({"directions": zeros})

    def table(start, shape, scale):
        prior = hierarchical_normal(shape, scale=scale)
        return Parameter(start=start, prior=prior, posterior="mean_field")

    parameters = {
        "users.offsets": table(np.zeros([num_attributes, num_films]), (), 0.5),
        "users.scales": Parameter(
            start=np.ones(num_raters),
            support="positive",
            prior=_SCALES,
        ),
        "users.widths": Parameter(start=np.full(num_attributes, 0.5), support="positive"),
        "users.shifts": Parameter(start=np.zeros(num_attributes)),
    }
    if factors:
        generator = np.random.default_rng(seed)
        parameters |= {
            "users.directions": table(
                0.3 * generator.standard_normal([num_attributes, senses, factors]), (), 0.5
            ),
            "users.factors": table(0.3 * generator.standard_normal([num_films, factors]), (), 1.0),
        }
    return fit(
        soft_attributes(raters, slate_size=slate_size, num_candidates=slate_size),
        parameters,
        log,
        method=Classes(
            jit_compile=passes > 1,
            search=Minibatches(
                passes=passes, batch_size=_BATCH, learning_rate=0.05, progress=False
            ),
            uncertainty=None,
        ),
        seed=seed,
    )


def _predicted(
    result: FitResult, log: Log, num_draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [S, K, 3] of the relations, and the expected differences of degrees [S, K], of
    raters who mean any sense.
    """
    users = result.simulator.users
    rater = tf.constant(log.initial.rater)
    query = Judgement(*(tf.constant(leaf[:, 0]) for leaf in log.query))
    slate = Slate(tf.constant(log.documents[:, 0]), tf.constant(log.shown[:, 0]), query)

    @compiled
    def relations(parameters):
        drawn = users.with_parameters(parameters)
        by_sense = [
            drawn.relations(InitialDraw(rater, tf.fill(rater.shape, sense)), slate)
            for sense in range(users.num_senses)
        ]
        probs = [tf.exp(found.categorical_log_probs()) for found in by_sense]
        degrees = [found.loc for found in by_sense]
        return tuple(tf.add_n(each) / len(by_sense) for each in (probs, degrees))

    generator = np.random.default_rng([seed, 1])
    total = [0.0, 0.0]
    for _ in range(num_draws):
        drawn = {}
        for name, estimate in result.estimates.items():
            error = np.nan_to_num(estimate.standard_error)
            noise = generator.standard_normal(np.shape(estimate.value))
            drawn[name.removeprefix("users.")] = tf.constant(
                estimate.value + error * noise, users.dtype
            )
        for index, part in enumerate(relations(drawn)):
            total[index] = total[index] + part.numpy() / num_draws
    return total[0], total[1]


def _gamma(degrees: np.ndarray, relation: np.ndarray, shown: np.ndarray) -> float:
    """Goodman and Kruskal's gamma over all pairs of films that a judgement tells apart."""
    above = relation[:, :, np.newaxis] > relation[:, np.newaxis]
    above &= shown[:, :, np.newaxis] & shown[:, np.newaxis]
    difference = (degrees[:, :, np.newaxis] - degrees[:, np.newaxis])[above]
    concordant, discordant = (difference > 0).sum(), (difference < 0).sum()
    return float((concordant - discordant) / (concordant + discordant))
