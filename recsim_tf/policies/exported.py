# SPDX-License-Identifier: Apache-2.0
"""Policies that were learned elsewhere, as programs of StableHLO."""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import gin
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.turns import action_spec
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from recsim_tf.support.files import read_json

_ADVICE = "write the policy again"


@configurable(module="recsim_tf.policies")
def exported_policy(simulator: Simulator, folder: str | os.PathLike = gin.REQUIRED) -> Policy:
    """A policy that a trainer without TensorFlow wrote by `save_policy` of an exported environment,
    see `Simulator.export_environment`.

    If it gives scores of the candidates, slates are drawn as by Plackett and Luce, with known
    probabilities.

    Args:
      simulator: the environment.
      folder: the folder of the policy.

    Raises:
      FileNotFoundError: if the folder has no policy.
      ValueError: if the policy is damaged, or does not fit the observations or actions, or if this
        TensorFlow is too old to run it.
    """
    program = _Program(simulator, Path(folder))
    if [*program.results] == ["scores"]:
        policy: Any = PlackettLucePolicy.of_logits(
            lambda observation: program(observation, tf.zeros([2], tf.int32))["scores"],
            simulator.slate_size,
        )
    else:
        policy = _ActingPolicy(program, action_spec(simulator))
    policy.learned_from = simulator.fitted_to
    return policy


class _Described(NamedTuple):
    """The policy.json of a policy. Its arrays have names, shapes and dtypes."""

    version: int  # of XLA's calling convention
    platforms: list[str]
    sha256: str
    num_users: int  # that the program takes at a time
    arguments: list[dict[str, Any]]
    results: list[dict[str, Any]]


class _Program:
    """The program of a policy: a function (observation, seed) -> arrays [B, ...] by name."""

    def __init__(self, simulator: Simulator, folder: Path):
        path = folder / "policy.stablehlo"
        if not path.exists():
            raise FileNotFoundError(f"folder {folder} is not an exported policy: {_ADVICE}")
        index = read_json(folder / "policy.json", lambda **given: _Described(**given), _ADVICE)
        self._index, self._content = index, path.read_bytes()
        if hashlib.sha256(self._content).hexdigest() != index.sha256:
            raise ValueError(f"{path} must be as it was written, got other bytes: {_ADVICE}")
        users = index.num_users
        observed = _of_users(users, "observation", simulator.observation_spec())
        seed = {"seed": tf.TensorSpec([2], tf.int32)}
        self._taken = _specs(index.arguments)
        _check(folder, "take", self._taken, seed | observed)
        self.results = _specs(index.results)
        scores = tf.TensorSpec([simulator.num_candidates], tf.float32)
        actions = _of_users(users, "action", action_spec(simulator))
        _check(folder, "give", self.results, actions | _of_users(users, "scores", scores))
        try:
            with tf.init_scope():
                self._call(*(tf.zeros(spec.shape, spec.dtype) for spec in self._taken.values()))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                "TensorFlow must be 2.20 or later, and no older than the JAX that wrote the policy"
                f" of {folder}, to run it, got {tf.__version__}"
            ) from error

    def __call__(self, observation: Observation, seed: Seed) -> dict[str, tf.Tensor]:
        """The arrays of the users, of whom the program takes so many at a time."""
        seed = random.as_seed(seed)
        # The draws of the program cannot be paired.
        seed = seed if seed.shape.rank == 1 else seed[0]
        leaves = dict(nests.leaves("observation", observation))
        arrays = {name: leaves[name] for name in self._taken if name in leaves}
        num_users, at_once = nests.num_rows(observation), self._index.num_users
        num_batches = -(-num_users // at_once)
        rows = tf.range(num_batches * at_once) % num_users

        def split(array: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.gather(array, rows), [num_batches, at_once, *array.shape[1:]])

        def results(batch: tuple[tf.Tensor, dict[str, tf.Tensor]]) -> list[tf.Tensor]:
            seed, arrays = batch
            given = {"seed": seed, **arrays}
            return self._call(*(given[name] for name in self._taken))

        batches = tf.map_fn(
            results,
            (
                random.derived_seeds(seed, num_batches),
                {name: split(array) for name, array in arrays.items()},
            ),
            fn_output_signature=[spec.dtype for spec in self.results.values()],
        )
        return {
            name: tf.reshape(array, [-1, *spec.shape[1:]])[:num_users]
            for array, (name, spec) in zip(batches, self.results.items(), strict=True)
        }

    @tf.function
    def _call(self, *arguments: tf.Tensor) -> list[tf.Tensor]:
        """The results of the program, which is a node of a graph that is imported: the operation
        that runs StableHLO has no function in TensorFlow.
        """
        inputs = {f"argument_{place}:0": each for place, each in enumerate(arguments)}
        graph = tf.compat.v1.GraphDef()
        node = graph.node.add(name="policy", op="XlaCallModule", input=list(inputs))
        attributes = node.attr
        attributes["version"].i = self._index.version
        attributes["module"].s = self._content
        platforms = [platform.upper().encode() for platform in self._index.platforms]
        attributes["platforms"].list.s.extend(platforms)
        attributes["Tin"].list.type.extend(each.dtype.as_datatype_enum for each in arguments)
        for spec in self.results.values():
            attributes["Tout"].list.type.append(spec.dtype.as_datatype_enum)
            attributes["Sout"].list.shape.append(spec.shape.as_proto())
        outputs = [f"policy:{place}" for place in range(len(self.results))]
        return tf.graph_util.import_graph_def(graph, inputs, outputs, name="policy")


class _ActingPolicy:
    """A policy whose program gives actions."""

    def __init__(self, program: _Program, action_spec: Nest):
        self._program, self._action_spec = program, action_spec
        self.learned_from: Any = ()

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        given = self._program(observation, seed)
        arrays = [given[name] for name, _ in nests.leaves("action", self._action_spec)]
        return tf.nest.pack_sequence_as(self._action_spec, arrays), policy_state


def _specs(described: list[dict[str, Any]]) -> dict[str, tf.TensorSpec]:
    return {each["name"]: tf.TensorSpec(each["shape"], each["dtype"]) for each in described}


def _of_users(num_users: int, name: str, nest: Nest) -> dict[str, tf.TensorSpec]:
    """The specs of users by name, of the nest of the specs of one user."""
    return {
        path: tf.TensorSpec([num_users, *spec.shape], spec.dtype)
        for path, spec in nests.leaves(name, nest)
    }


def _check(
    folder: Path,
    verb: str,
    arrays: dict[str, tf.TensorSpec],
    of_environment: dict[str, tf.TensorSpec],
) -> None:
    """Requires that the arrays of a policy are of an environment."""
    for name, spec in arrays.items():
        if name not in of_environment:
            names = ", ".join(of_environment)
            raise ValueError(f"the policy of {folder} must {verb} some of {names}, got {name}")
        expected = of_environment[name]
        if (spec.shape, spec.dtype) != (expected.shape, expected.dtype):
            raise ValueError(
                f"the policy of {folder} must {verb} {name} of {expected.dtype.name}"
                f" {expected.shape}, as in the environment, got {spec.dtype.name} {spec.shape}"
            )
