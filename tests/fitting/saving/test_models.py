# SPDX-License-Identifier: Apache-2.0
"""Models that are saved and loaded again; `tests.environments.test_parameters` does so with every
registered environment.
"""

import dataclasses
import importlib
import json
import os
import sys
from typing import Any

import gin
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import logs
from recsim_tf.conversations import DialogueUsers, conversation_grammar
from recsim_tf.core.base.parameters import parameter
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.environments.interest_exploration import (
    InterestExplorationUsers,
    interest_exploration,
)
from recsim_tf.fitting import load_model, save_model
from recsim_tf.fitting.saving.models import load_simulator
from tests.core.rollout_digest import digest
from tests.fitting.saving.results import result_of
from tests.fitting.sessions import evolution, rollout
from tests.processes import run_python

NO_CLICK_MASS = "users.choice_model.no_click_mass"


@pytest.fixture
def result():
    return result_of(evolution(tf.float32), {NO_CLICK_MASS: 1.1, "users.user_update_alpha": 0.3})


@pytest.fixture
def folder(tmp_path, result):
    save_model(tmp_path / "model", result)
    return tmp_path / "model"


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    """The folder of a model whose users are of a module that is not recsim_tf's, and its result;
    the module is in tmp_path / "modules".
    """
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "shared_models.py").write_text(
        "from recsim_tf.environments.interest_exploration import InterestExplorationUsers\n"
        "class BoredUsers(InterestExplorationUsers):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(modules))
    users = importlib.import_module("shared_models").BoredUsers()
    simulator = interest_exploration(slate_size=2, num_candidates=4, users=users)
    result = result_of(simulator, {NO_CLICK_MASS: 2.1})
    save_model(tmp_path / "own", result)
    monkeypatch.delitem(sys.modules, "shared_models")
    return tmp_path / "own", result


@pytest.mark.slow
def test_another_process_simulates_the_same_trajectories(folder, result, own_model):
    code = """if True:
        import sys
        from recsim_tf.fitting import load_model
        from tests.core.rollout_digest import digest
        from tests.fitting.sessions import rollout
        for folder in sys.argv[1:]:
            loaded = load_model(folder, imports=["shared_models"])
            print(digest(rollout(loaded.simulator, seed=5)))
    """
    own, own_result = own_model
    other = run_python("-c", code, str(folder), str(own), PYTHONPATH=str(own.parent / "modules"))
    assert other.stdout.split() == [
        digest(rollout(each.simulator, seed=5)) for each in (result, own_result)
    ], other.stderr


def test_a_log_is_not_saved_with_a_model(tmp_path):
    simulator = drifting_taste()
    log = logs.simulated_log(simulator, 5, 2, seed=0)
    log = log._replace(candidates=np.zeros([5, 2, simulator.num_candidates], np.int32))
    logged = logs.with_logged_candidates(simulator, log)
    name = next(iter(simulator.users.parameters()))
    result = result_of(logged, {f"users.{name}": simulator.parameters()[f"users.{name}"]})
    with pytest.raises(ValueError, match=r"simulator\.documents\.log must not be saved"):
        save_model(tmp_path / "model", result)


def test_a_module_that_is_not_trusted_or_not_there_is_named(own_model, monkeypatch):
    own, _ = own_model
    card = (own / "MODEL_CARD.md").read_text()
    assert "The model names shared_models: pass `imports=('shared_models',)`" in card
    with pytest.raises(ValueError, match=r'refused, .*: pass imports=\("shared_models",\), or'):
        load_model(own)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not path.endswith("modules")])
    with pytest.raises(
        ValueError,
        match=r"own/model.json: simulator.users needs the module shared_models, .*: No module",
    ):
        load_model(own, imports=("shared_models",))


def test_estimates_come_back_bit_for_bit(folder, result):
    loaded = load_model(folder)
    assert list(loaded.estimates) == list(result.estimates)
    for name, estimate in result.estimates.items():
        for got, expected in zip(loaded.estimates[name], estimate, strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


def test_tables_variables_and_infinite_numbers_are_saved(tmp_path):
    factors = np.random.default_rng(0).standard_normal([50, 32])
    simulator = drifting_taste(
        slate_size=3,
        num_candidates=5,
        users=DriftingTasteUsers(32, decay=tf.Variable(0.7, dtype=tf.float64), dtype=tf.float64),
        documents=Catalogue(50, 32, dtype=tf.float64),
    )
    values = {"documents.factors": factors, "users.gain": np.linspace(0, 1, 32)}
    save_model(tmp_path / "model", result_of(simulator, values))
    loaded = load_model(tmp_path / "model").simulator
    np.testing.assert_array_equal(loaded.documents.factors, factors)
    assert loaded.documents.factors.dtype == np.float64
    assert loaded.users.decay == 0.7
    card = " ".join((tmp_path / "model" / "MODEL_CARD.md").read_text().split())
    assert "| documents.factors | 50 by 32 | " in card
    grammar = conversation_grammar(1, ("funny", "dark"))
    users = DialogueUsers(num_attributes=2, channel=grammar, inquiring=-np.inf)
    simulator = recsim_tf.conversation(users, slate_size=1, num_candidates=5)
    save_model(tmp_path / "talk", result_of(simulator, {}))
    loaded = load_model(tmp_path / "talk").simulator
    assert loaded.users.channel.vocabulary.words == grammar.vocabulary.words
    assert loaded.users.inquiring == -np.inf
    assert not list(simulator.differences(loaded))


def test_gin_has_no_part_in_it(folder, result):
    gin.parse_config("InterestEvolutionUsers.time_budget = 99.0\nSimulator.max_steps = 1")
    loaded = load_model(folder).simulator
    assert not list(result.simulator.differences(loaded))
    gin.parse_config(f"fit.simulator = @load_simulator()\nload_simulator.folder = '{folder}'")
    assert gin.get_bindings("fit")["simulator"].users.time_budget == 10.0
    assert load_simulator().slate_size == 3


class OddUsers(InterestExplorationUsers):
    """Users with a field of any kind, which they change if they are told so."""

    odd: Any = None
    table: Any = parameter(None, rank=1)
    changes: bool = False

    def check(self):
        super().check()
        if self.changes:
            self.odd += 1


def clicks(response, weight=1.0):
    return weight * tf.reduce_sum(response.clicked, axis=-1)


bound_clicks = gin.configurable(clicks)


def odd(reward_fn=None, **fields):
    simulator = interest_exploration(
        slate_size=2, num_candidates=4, users=dataclasses.replace(OddUsers(), **fields)
    )
    return result_of(simulator.replaced(reward_fn=reward_fn or simulator.reward_fn), {})


class Outer:
    class Inner(OddUsers):
        pass


def test_tuples_lists_dictionaries_and_functions_of_a_users_module_are_kept(tmp_path):
    value = {"a": (1, [2.5, None]), 3: ({"b": "text", "c": np.arange(3)}, tf.int32, clicks)}
    save_model(tmp_path / "model", odd(odd=value))
    loaded = load_model(tmp_path / "model", imports=("tests",)).simulator.users.odd
    np.testing.assert_array_equal(loaded[3][0].pop("c"), np.arange(3))
    assert loaded == {"a": (1, [2.5, None]), 3: ({"b": "text"}, tf.int32, clicks)}


@pytest.mark.parametrize(
    ("result_arguments", "arguments", "message"),
    [
        ({"odd": lambda: None}, {}, "simulator.users.odd must be defined in a module, at its top"),
        ({"odd": (1, {2})}, {}, r"simulator.users.odd\[1\] must consist of models, .* got set"),
        ({"odd": np.array(["a"])}, {}, "simulator.users.odd must be an array of numbers"),
        ({"odd": Outer.Inner()}, {}, "users.odd must be defined in .* got Outer.Inner of tests"),
        ({"odd": 1, "changes": True}, {}, "cannot be made again: users.odd is 3 there, not 2"),
        ({"odd": "a" * 2**22}, {}, "model.json: it must have at most 4,194,304 bytes"),
        ({"reward_fn": bound_clicks}, {}, "must have no arguments from gin .*, got weight of cli"),
        ({"table": np.ones([7, 3])}, {}, "users.table must not have a value for each session, g"),
        ({}, {"data": {"n": np.zeros(3)}}, r"data\['n'\] must be a number or a text of one line"),
        ({}, {"checks": {"rows": "1,2\n3"}}, r"checks\['rows'\] must be a number or a text of one"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_nothing_is_written(
    tmp_path, result_arguments, arguments, message
):
    gin.parse_config("clicks.weight = 2.0")
    with pytest.raises(ValueError, match=message):
        save_model(tmp_path / "model", odd(**result_arguments), **arguments)
    assert not list(tmp_path.iterdir())


def test_only_the_result_of_a_fit_is_saved(folder, tmp_path):
    loaded = load_model(folder)
    for other in (loaded.simulator, loaded):
        message = f"result must be a FitResult, got {type(other).__name__}"
        with pytest.raises(ValueError, match=message):
            save_model(tmp_path / "again", other)
    assert not (tmp_path / "again").exists()


def test_a_class_of_a_script_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(OddUsers, "__module__", "__main__")
    with pytest.raises(ValueError, match=r"users must be defined in a module, .* of __main__"):
        save_model(tmp_path / "model", odd())


def test_nothing_is_overwritten_and_an_empty_folder_is_taken(folder, result, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="folder must be new or empty, got"):
        save_model(folder, result)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(folder.parent) == [folder.name]
    (tmp_path / "empty").mkdir()
    save_model(tmp_path / "empty", result)
    assert load_model(tmp_path / "empty").simulator.slate_size == 3


def test_the_folder_holds_no_row_of_the_log(folder, result):
    assert sorted(os.listdir(folder)) == ["MODEL_CARD.md", "arrays.npz", "model.json"]
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        names = [name for name, array in arrays.items() if name.startswith("estimates.")]
        assert len(names) == 4 * len(result.estimates)
        assert all(not array.shape for name, array in arrays.items() if name != "fitted_to")
    content = json.loads((folder / "model.json").read_text())
    assert content["simulator"]["fields"]["users"]["fields"]["time_budget"] == 10.0


def test_the_card_tells_data_fit_checks_and_parameters(tmp_path, result):
    save_model(
        tmp_path / "model",
        result._replace(converged=False),
        title="Short evenings",
        data={"sessions": 41, "from": "2024-01"},
        fitting={"search": "LBFGS"},
        checks={"calibration error": np.float32(0.25), "<b>": "<script>"},
        limits="Simulated users only. <img src=x>\x1b\u202e",
        licence="CC BY 4.0",
    )
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert card.startswith("# Short evenings\n\n**The fit did not converge.**\n")
    words = " ".join(card.split())  # Tables pad their cells.
    for text in (
        "| sessions | 41 |",
        "| search | LBFGS |",
        "| ending | did not converge |",
        "| log-likelihood of the training sessions | \N{MINUS SIGN}1.500 |",
        "| calibration error | 0.2500 |",
        "| users.choice_model.no_click_mass | 1.100 |",
        "| &lt;b> | &lt;script> |",
        "## Limits Simulated users only. &lt;img src=x>\\x1b\\u202e",
        "## Licence of the data CC BY 4.0",
        "## Intended use Not stated.",
        "time_budget=10.0",
    ):
        assert text in words
    assert load_model(tmp_path / "model").metadata["checks"]["calibration error"] == 0.25
