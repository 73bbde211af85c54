"""Films, and raters of their soft attributes."""

import functools
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, WholeNumber, checked
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions import UniformCategories, candidate_ids
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from recsim_tf.core.step import turns
from tensorflow_probability import distributions as tfd

LESS, ABOUT, MORE = 0, 1, 2
_NUM_RELATIONS = 3


class Judgement(NamedTuple):
    """The query: the attribute in which to compare films of the slate with a reference film."""

    attribute: Any  # int32 [B], in [0, A)
    reference: Any  # int32 [B], a film in [0, D)


class InitialDraw(NamedTuple):
    """The raters and their senses of the attribute, which are also the users' state."""

    rater: Any  # int32 [B], in [0, R)
    sense: Any  # int32 [B], in [0, S), the rater's sense of the attribute


class Response(NamedTuple):
    """The relations of the films of a slate to the reference."""

    clicked: tf.Tensor  # [B, K], 1 for films that have more of the attribute
    relation: tf.Tensor  # int32 [B, K], `LESS`, `ABOUT` or `MORE`


class Films(DocumentModel):
    """D films that all raters share. A document is an id, int32, and candidates differ. Factors of
    films are parameters of the raters, which are fitted. If there are as many candidates as films,
    all films are candidates, in the order of their ids.

    Args:
      num_films: number of films D.
    """

    num_films: Count = 300

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        if num_candidates == self.num_films:
            ids = tf.tile(tf.range(self.num_films)[tf.newaxis], [num_users, 1])
            return tfd.Independent(tfd.Deterministic(ids), 1)
        return candidate_ids(
            self.num_films, num_users, num_candidates, replacement=False, dtype=self.dtype
        )

    def observe(self, documents: tf.Tensor):
        return documents

    def observation_bounds(self):
        return Bounds(0, self.num_films - 1)


class AttributeRaters(UserModel):
    """Raters who sort the films of a slate by whether they have less of an attribute than a
    reference film, about as much, or more.

    The degree of an attribute in a film is <directions[attribute, sense], factors[film]> +
    offsets[attribute, film]. The relation is an ordered logit of the difference of two degrees,
    times the scale of the rater, with cuts at `shift` - `width` and `shift` + `width` of the
    attribute. The unit of a factor is not identified, so tables need a prior when they are fitted.

    `ConversationUsers` and `Items` accept these `directions` and `factors`, for a conversation
    about these films with these attributes.

    Args:
      num_raters: number of raters R.
      num_attributes: number of attributes A.
      num_films: number of films D.
      num_factors: number of factors F.
      num_senses: number of senses S. A log lacks the senses, and a fit sums them out.
      directions: [A, S, F]; None draws unit vectors with `seed`.
      factors: [D, F]; None draws them with `seed`, from Normal(0, 1).
      offsets: [A, D], or a number for all.
      scales: [R], or a number for all raters; positive.
      widths: [A], or a number for all attributes; positive.
      shifts: [A], or a number for all attributes.
      seed: an integer.
    """

    num_raters: Count = 100
    num_attributes: Count = 60
    num_films: Count = 300
    num_factors: Count = 8
    num_senses: Count = 1
    directions: Any = parameter(rank=3, drawn=lambda raters: raters._tables[0])
    factors: Any = parameter(rank=2, drawn=lambda raters: raters._tables[1])
    offsets: Any = parameter(0.0, rank=2)
    scales: Any = parameter(1.0, rank=1, above=0)
    widths: Any = parameter(0.5, rank=1, above=0)
    shifts: Any = parameter(0.0, rank=1)
    seed: WholeNumber = 0

    def check(self):
        raters = {"num_raters": self.num_raters}
        attributes = {"num_attributes": self.num_attributes}
        films = {"num_films": self.num_films}
        factors = {"num_factors": self.num_factors}
        senses = {"num_senses": self.num_senses}
        validation.check_table("directions", self.directions, **attributes, **senses, **factors)
        validation.check_table("factors", self.factors, **films, **factors)
        validation.check_table("offsets", self.offsets, or_number=True, **attributes, **films)
        validation.check_table("scales", self.scales, or_number=True, **raters)
        for name in ("widths", "shifts"):
            validation.check_table(name, self._value(name), or_number=True, **attributes)

    @functools.cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """The directions and factors that are drawn with `seed`."""
        generator = np.random.default_rng(self.seed)
        shape = (self.num_attributes, self.num_senses, self.num_factors)
        directions = generator.standard_normal(shape)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        return directions, generator.standard_normal((self.num_films, self.num_factors))

    def initial_draws(self, num_users: int):
        return tfd.JointDistributionNamed(
            InitialDraw(
                rater=UniformCategories(self.num_raters, [num_users], self.dtype),
                sense=UniformCategories(self.num_senses, [num_users], self.dtype),
            )
        )

    def degrees(self, attribute: tf.Tensor, sense: tf.Tensor, films: tf.Tensor) -> tf.Tensor:
        """The degrees of an attribute in films, [B, K].

        Args:
          attribute: int32 [B].
          sense: int32 [B].
          films: int32 [B, K].
        """
        directions = tf.cast(tf.convert_to_tensor(self.directions), self.dtype)
        direction = tf.gather_nd(directions, tf.stack([attribute, sense], axis=-1))
        factors = self.entries("factors", films, [self.num_films, self.num_factors])
        cells = attribute[:, tf.newaxis] * self.num_films + films
        return tf.linalg.matvec(factors, direction) + self._offsets(cells)

    def relations(self, state: InitialDraw, slate: Slate) -> tfd.OrderedLogistic:
        """The relation [B, K] of each film of a slate to the reference."""
        query = slate.query
        compared = tf.concat([slate.documents, query.reference[:, tf.newaxis]], axis=1)
        degree = self.degrees(query.attribute, state.sense, compared)
        scale = self.entries("scales", state.rater, [self.num_raters])[:, tf.newaxis]
        shape = [self.num_attributes]
        shift = self.entries("shifts", query.attribute, shape)
        width = self.entries("widths", query.attribute, shape)
        cuts = tf.stack([shift - width, shift + width], axis=-1)[:, tf.newaxis]
        return tfd.OrderedLogistic(
            cutpoints=cuts, loc=scale * (degree[:, :-1] - degree[:, -1:]), dtype=tf.int32
        )

    def response(self, state: InitialDraw, slate: Slate):
        return tfd.Independent(tfd.Masked(self.relations(state, slate), slate.mask), 1)

    def outcome(self, state: InitialDraw, slate: Slate, draw: tf.Tensor):
        relation = tf.where(slate.mask, draw, ABOUT)
        return Response(tf.cast(relation == MORE, self.dtype), relation)

    def recorded_draw(self, slate: Slate, seen: Response):
        return seen.relation

    def observe(self, state: InitialDraw):
        return state.rater

    def observation_bounds(self):
        return Bounds(0, self.num_raters - 1)

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), relation=Bounds(0, _NUM_RELATIONS - 1))

    def _offsets(self, cells: tf.Tensor):
        value = tf.cast(tf.convert_to_tensor(self.offsets), self.dtype)
        if not value.shape.rank:
            return value
        return tf.gather(tf.reshape(value, [-1]), cells)


@checked
def soft_attributes(
    users: AttributeRaters | None = None, **simulator: Unpack[SimulatorOptions]
) -> Simulator:
    """Judgements of soft attributes (Balog et al. 2021, SIGIR). The system names an attribute and a
    reference film, and shows other films; the rater says whether each of them has less of the
    attribute, about as much, or more.

    An action is a `Turn` of a slate and a `Judgement`. Observation: `user` int32 [B], the rater;
    `documents` int32 [B, N], the films; `response` has `clicked` and `relation` [B, K]. Reward: the
    number of films that have more of the attribute. A session is a single judgement.

        simulator = soft_attributes(AttributeRaters(num_attributes=5, num_films=50))
        judgement = Judgement(attribute=tf.zeros([4], tf.int32), reference=tf.fill([4], 7))
        state = simulator.reset(num_users=4, seed=0)
        slate = tf.tile([[0, 1, 2]], [4, 1])
        simulator.step(state, recsim_tf.Turn(slate, judgement), seed=1)

    To fit raters to the data set, see `conversations.logs.soft_attributes_log`.

    Args:
      users: the raters, by default `AttributeRaters()`.
      **simulator: further arguments of `Simulator`; by default slates of 10 of 20 films, and
        sessions of one step.

    Raises:
      ValueError: for users of another class.
    """
    users = AttributeRaters() if users is None else users
    spec = turns.query_spec(
        Judgement(tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32)),
        Judgement(Bounds(0, users.num_attributes - 1), Bounds(0, users.num_films - 1)),
    )
    options: SimulatorOptions = {"slate_size": 10, "num_candidates": 20, "max_steps": 1}
    options |= {"query_spec": spec, **simulator}
    return Simulator(users, Films(users.num_films, dtype=users.dtype), **options)
