# SPDX-License-Identifier: Apache-2.0
"""Interest evolution written with RecSim NG's stories for this comparison: user-steps per CPU
second.

Run by `benchmarks/speed.py` with an interpreter that has RecSim NG (nothing of recsim_tf is
needed):

    python recsim_ng_simulation.py --style=idiomatic --users=32,1024,16384 --slate_size=3
    --num_candidates=10 --seconds=10

The same as in recsim_tf: the dynamics and defaults of InterestEvolution-v1, fresh candidates for
each user at each step, uniform slates without replacement, a new user in the place of each who
leaves, and as many steps in a call. RecSim NG's own recommendation story wires entities of its base
classes, and its TensorFlow runtime runs the network inside a `tf.function`; rewards and finished
sessions are summed by the metrics entity. The styles share the entities and differ in the draws:

- idiomatic: as in RecSim NG's own applications. All draws are Edward2 random variables and fields
  of the story's variables, so that its log-probabilities work; choices are drawn by its multinomial
  logit model, and slates by its iterated one, as in its collaborative filtering recommender (the
  top scores of its myopic recommender took 0.8 times the time). Newcomers are drawn for all and
  taken by `tf.where`. TensorFlow's graph runs without XLA. Topics are `ed.Categorical` with one row
  of logits and a `sample_shape`; with a row for each document, as in its corpora, the whole took
  1.6 times the time.
- tuned: the least time of the ways that were tried. All draws are plain tensors, which like
  recsim_tf's `fold` gives no log-probabilities, slates by the ranks that recsim_tf draws too,
  topics as floored uniforms, choices by one uniform's place among the cumulative weights, new
  interests only in steps where somebody has left, and XLA compiles the whole.

The last line is JSON. Exits with status 3 where RecSim NG is missing.
"""

import os
import sys

import interest_evolution as evolution

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
try:
    from importlib.metadata import version

    import edward2 as ed
    import tensorflow as tf
    from recsim_ng.core import network
    from recsim_ng.core.value import Value, ValueSpec
    from recsim_ng.entities.choice_models import selectors
    from recsim_ng.entities.recommendation import corpus, metrics, recommender, user
    from recsim_ng.lib.tensorflow import field_spec, runtime
    from recsim_ng.stories import recommendation_simulation
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)


def specs_of(**fields):
    """A specification of the fields of each of an entity's variables."""
    specs = ValueSpec()
    for name, field_names in fields.items():
        specs = specs.union(
            ValueSpec(**{field: field_spec.FieldSpec() for field in field_names}).prefixed_with(
                name
            )
        )
    return specs


class RandomVariables:
    """The draws of the idiomatic style, Edward2's random variables."""

    def __init__(self, num_users, num_topics, num_docs, slate_size):
        self.num_users, self.num_topics, self.num_docs, self.slate_size = (
            num_users,
            num_topics,
            num_docs,
            slate_size,
        )
        no_click = tf.fill(
            [num_users], tf.math.log(evolution.NO_CLICK_MASS - evolution.MIN_NORMALIZER)
        )
        never = tf.fill([num_users], -float("inf"))
        self._choice_model = selectors.MultinomialLogitChoiceModel((num_users,), no_click)
        self._slate_model = selectors.IteratedMultinomialLogitChoiceModel(
            slate_size, (num_users,), never
        )

    def topics(self):
        return ed.Categorical(
            logits=tf.zeros([self.num_topics]),
            sample_shape=[self.num_users, self.num_docs],
            dtype=tf.int32,
        )

    def slate(self):
        return self._slate_model.choice(tf.zeros([self.num_users, self.num_docs])).get("choice")

    def quality(self, mean):
        return ed.Normal(loc=mean, scale=evolution.QUALITY_STDDEV)

    def choice(self, weights):
        return self._choice_model.choice(tf.math.log(weights)).get("choice")

    def towards(self, probability):
        return ed.Bernoulli(probs=probability, dtype=tf.float32)

    def interests(self, stays=False, interests=0.0):
        """The interests of those who stay, and new ones for the others."""
        newcomers = ed.Uniform(low=-tf.ones([self.num_users, self.num_topics]), high=1.0)
        return Value(
            newcomers=newcomers,
            interests=tf.where(stays, interests, tf.convert_to_tensor(newcomers)),
        )


class PlainTensors(RandomVariables):
    """The draws of the tuned style."""

    def topics(self):
        return tf.cast(
            tf.random.uniform([self.num_users, self.num_docs]) * self.num_topics, tf.int32
        )

    def slate(self):
        """Each position has a rank among the candidates that are left."""
        num_left = tf.range(self.num_docs, self.num_docs - self.slate_size, -1, dtype=tf.float32)
        ranks = tf.unstack(
            tf.cast(tf.random.uniform([self.num_users, self.slate_size]) * num_left, tf.int32),
            axis=1,
        )
        slate = []
        for k, position in enumerate(ranks):
            for rank in reversed(ranks[:k]):
                position += tf.cast(position >= rank, tf.int32)
            slate.append(position)
        return tf.stack(slate, axis=1)

    def quality(self, mean):
        return mean + evolution.QUALITY_STDDEV * tf.random.normal([self.num_users, self.slate_size])

    def choice(self, weights):
        no_click = tf.fill([self.num_users, 1], evolution.NO_CLICK_MASS - evolution.MIN_NORMALIZER)
        cumulative = tf.cumsum(tf.concat([weights, no_click], axis=1), axis=1)
        threshold = tf.random.uniform([self.num_users, 1]) * cumulative[:, -1:]
        return tf.reduce_sum(tf.cast(threshold >= cumulative[:, :-1], tf.int32), axis=1)

    def towards(self, probability):
        return tf.cast(tf.random.uniform([self.num_users]) < probability, tf.float32)

    def interests(self, stays=False, interests=0.0):
        def draw():
            return tf.where(
                stays, interests, tf.random.uniform([self.num_users, self.num_topics], -1.0, 1.0)
            )

        return Value(
            interests=(
                tf.cond(tf.reduce_all(stays), lambda: interests, draw)
                if tf.is_tensor(interests)
                else draw()
            )
        )


STYLES = {"idiomatic": RandomVariables, "tuned": PlainTensors}


class Stateless:
    """An entity without a state."""

    def initial_state(self):
        return Value()

    def next_state(self, previous_state, user_response, slate_docs):
        return Value()


class Videos(Stateless, corpus.Corpus):
    """Fresh candidates for each user at each step."""

    def available_documents(self, corpus_state):
        return Value(topic=self._config["draws"].topics())

    def specs(self):
        return specs_of(state=[], available_docs=["topic"])


class RandomRecommender(Stateless, recommender.BaseRecommender):
    """Uniform slates without replacement."""

    def __init__(self, config):
        super().__init__(config)
        self._draws = config["draws"]

    def slate_docs(self, previous_state, user_obs, available_docs):
        ranks = self._draws.slate()
        return available_docs.map(lambda field: tf.gather(field, ranks, batch_dims=1)).union(
            Value(doc_ranks=ranks)
        )

    def specs(self):
        return specs_of(state=[], slate=["topic", "doc_ranks"])


class InterestEvolutionUser(user.User):
    """The users; a response also tells who leaves after it."""

    def __init__(self, config):
        super().__init__(config)
        self._draws, self._slate_size = config["draws"], config["slate_size"]
        num_negative = int(0.7 * self._num_topics)
        negative = tf.linspace(evolution.MIN_UTILITY, 0.0, num_negative)
        positive = tf.linspace(0.0, evolution.MAX_UTILITY, self._num_topics - num_negative)
        self._mean_quality = tf.concat([negative, positive], axis=0)

    def initial_state(self):
        return self._draws.interests().union(
            Value(budget=tf.fill([self._num_users], evolution.TIME_BUDGET))
        )

    def next_response(self, previous_state, slate_docs):
        budget, topic = previous_state.get("budget"), slate_docs.get("topic")
        scores = tf.gather(previous_state.get("interests"), topic, batch_dims=1)
        choice = self._draws.choice(scores - evolution.MIN_NORMALIZER)
        quality = self._draws.quality(tf.gather(self._mean_quality, topic))
        clicked = tf.convert_to_tensor(choice) < self._slate_size
        chosen = selectors.get_chosen(
            Value(score=scores, quality=quality), choice, nochoice_value=0
        )
        watch_time = tf.where(clicked, tf.clip_by_value(budget, 0.0, evolution.VIDEO_LENGTH), 0.0)
        gain = evolution.USER_UPDATE_ALPHA * watch_time * chosen.get("quality")
        budget -= tf.where(clicked, watch_time - gain, evolution.STEP_PENALTY)
        towards = self._draws.towards((chosen.get("score") + 1.0) / 2.0)
        return Value(
            choice=choice,
            quality=quality,
            towards=towards,
            watch_time=watch_time,
            budget=budget,
            leaves=budget <= 0.0,
        )

    def next_state(self, previous_state, user_response, slate_docs):
        interests, leaves = previous_state.get("interests"), user_response.get("leaves")
        # The topic of no document is -1, whose row is all zeros.
        document = tf.one_hot(
            selectors.get_chosen(slate_docs, user_response.get("choice")).get("topic"),
            self._num_topics,
        )
        sign = 2.0 * user_response.get("towards") - 1.0
        alpha = (
            evolution.ALPHA_Y_INTERCEPT
            - evolution.ALPHA_Y_INTERCEPT / evolution.ALPHA_X_INTERCEPT * tf.abs(interests)
        )
        shift = sign[:, tf.newaxis] * alpha * document * (document - interests)
        interests = self._draws.interests(
            ~leaves[:, tf.newaxis], tf.clip_by_value(interests + shift, -1.0, 1.0)
        )
        return interests.union(
            Value(budget=tf.where(leaves, evolution.TIME_BUDGET, user_response.get("budget")))
        )

    def observation(self, user_state):
        return Value()

    def specs(self):
        response = ["choice", "quality", "towards", "watch_time", "budget", "leaves"]
        return specs_of(
            state=[*self._draws.interests().as_dict, "budget"], observation=[], response=response
        )


class Totals(metrics.RecsMetricsBase):
    """Time watched and sessions finished, summed over users and steps."""

    def initial_metrics(self):
        return Value(reward=tf.zeros([]), sessions=tf.zeros([], tf.int32))

    def next_metrics(self, previous_metrics, corpus_state, user_state, user_response, slate_docs):
        reward = tf.reduce_sum(user_response.get("watch_time"))
        sessions = tf.math.count_nonzero(user_response.get("leaves"), dtype=tf.int32)
        return Value(
            reward=previous_metrics.get("reward") + reward,
            sessions=previous_metrics.get("sessions") + sessions,
        )

    def specs(self):
        return specs_of(state=["reward", "sessions"])


def simulation(arguments, num_users, num_steps):
    """A function, number of the call -> (total reward, finished sessions), that simulates
    auto-reset sessions, compiled.
    """
    sizes = {
        "num_users": num_users,
        "num_topics": evolution.NUM_TOPICS,
        "num_docs": arguments.num_candidates,
        "slate_size": arguments.slate_size,
    }
    config = {**sizes, "draws": STYLES[arguments.style](**sizes)}
    variables = recommendation_simulation.recs_story(
        config, InterestEvolutionUser, Videos, RandomRecommender, Totals
    )
    tf_runtime = runtime.TFRuntime(network.Network(variables), graph_compile=False)

    @tf.function(jit_compile=arguments.style == "tuned")
    def simulate():
        totals = tf_runtime.execute(num_steps)["metrics state"]
        return totals.get("reward"), totals.get("sessions")

    return lambda number: simulate()


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    tf.random.set_seed(0)
    evolution.main(__doc__, STYLES, simulation, version("recsim-ng"))
