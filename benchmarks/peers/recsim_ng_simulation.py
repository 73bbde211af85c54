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

import argparse
import json
import os
import platform
import sys
import time

# The exit status where RecSim NG cannot be imported.
MISSING = 3

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
    sys.exit(MISSING)

NUM_TOPICS = 20
MIN_UTILITY, MAX_UTILITY, QUALITY_STDDEV = -3.0, 3.0, 0.1
VIDEO_LENGTH, TIME_BUDGET, STEP_PENALTY = 4.0, 200.0, 0.5
USER_UPDATE_ALPHA = 0.9 / 3.4
MIN_NORMALIZER, NO_CLICK_MASS = -1.0, 1.0
ALPHA_X_INTERCEPT, ALPHA_Y_INTERCEPT = 1.0, 0.3


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
        no_click = tf.fill([num_users], tf.math.log(NO_CLICK_MASS - MIN_NORMALIZER))
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
        return ed.Normal(loc=mean, scale=QUALITY_STDDEV)

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
        return mean + QUALITY_STDDEV * tf.random.normal([self.num_users, self.slate_size])

    def choice(self, weights):
        no_click = tf.fill([self.num_users, 1], NO_CLICK_MASS - MIN_NORMALIZER)
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
        negative = tf.linspace(MIN_UTILITY, 0.0, num_negative)
        positive = tf.linspace(0.0, MAX_UTILITY, self._num_topics - num_negative)
        self._mean_quality = tf.concat([negative, positive], axis=0)

    def initial_state(self):
        return self._draws.interests().union(Value(budget=tf.fill([self._num_users], TIME_BUDGET)))

    def next_response(self, previous_state, slate_docs):
        budget, topic = previous_state.get("budget"), slate_docs.get("topic")
        scores = tf.gather(previous_state.get("interests"), topic, batch_dims=1)
        choice = self._draws.choice(scores - MIN_NORMALIZER)
        quality = self._draws.quality(tf.gather(self._mean_quality, topic))
        clicked = tf.convert_to_tensor(choice) < self._slate_size
        chosen = selectors.get_chosen(
            Value(score=scores, quality=quality), choice, nochoice_value=0
        )
        watch_time = tf.where(clicked, tf.clip_by_value(budget, 0.0, VIDEO_LENGTH), 0.0)
        gain = USER_UPDATE_ALPHA * watch_time * chosen.get("quality")
        budget -= tf.where(clicked, watch_time - gain, STEP_PENALTY)
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
        alpha = ALPHA_Y_INTERCEPT - ALPHA_Y_INTERCEPT / ALPHA_X_INTERCEPT * tf.abs(interests)
        shift = sign[:, tf.newaxis] * alpha * document * (document - interests)
        interests = self._draws.interests(
            ~leaves[:, tf.newaxis], tf.clip_by_value(interests + shift, -1.0, 1.0)
        )
        return interests.union(
            Value(budget=tf.where(leaves, TIME_BUDGET, user_response.get("budget")))
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
    """A compiled function, () -> (total reward, finished sessions), that simulates auto-reset
    sessions.
    """
    sizes = {
        "num_users": num_users,
        "num_topics": NUM_TOPICS,
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

    return simulate


def measure(arguments, num_users):
    """Rates of one batch size."""
    num_steps = min(
        max(arguments.user_steps // num_users, arguments.min_steps), arguments.max_steps
    )
    simulate = simulation(arguments, num_users, num_steps)

    def call():
        return [float(result) for result in simulate()]

    started = time.perf_counter()
    call()
    first_call, calls, total, finished = time.perf_counter() - started, 0, 0.0, 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    while calls == 0 or time.process_time() - cpu < arguments.seconds:
        calls += 1
        reward, sessions = call()
        total, finished = total + reward, finished + sessions
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    user_steps = calls * num_users * num_steps
    return {
        "user_steps_per_cpu_second": user_steps / cpu,
        "user_steps_per_wall_second": user_steps / wall,
        "first_call_seconds": first_call,
        "steps_per_call": num_steps,
        "calls": calls,
        "reward_per_user_step": total / user_steps,
        "sessions_per_user_step": finished / user_steps,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=list(STYLES), default="idiomatic")
    parser.add_argument("--users", default="1024", help="batch sizes, separated by commas")
    parser.add_argument("--slate_size", type=int, default=3)
    parser.add_argument("--num_candidates", type=int, default=10)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="CPU seconds to measure for each batch size"
    )
    parser.add_argument(
        "--user_steps",
        type=int,
        default=2**21,
        help="a call simulates about so many, within the bounds of its steps",
    )
    parser.add_argument("--min_steps", type=int, default=128)
    parser.add_argument("--max_steps", type=int, default=4096)
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    tf.random.set_seed(0)
    rates = {users: measure(arguments, int(users)) for users in arguments.users.split(",")}
    print(
        json.dumps(
            {
                "style": arguments.style,
                "rates": rates,
                "version": version("recsim-ng"),
                "python": platform.python_version(),
            }
        )
    )


if __name__ == "__main__":
    main()
