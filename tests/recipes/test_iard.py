# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from recipes.iard import INTENTS, iard_log, read_iard

import recsim_tf
from recsim_tf.conversations import Act, DialogueUsers, Items, Mode
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.types import UNKNOWN
from recsim_tf.language import Grammar, Vocabulary
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator
from tests.refusals import assert_refused


def utterance(position, role, codes, text):
    return {
        "utterance_pos": position,
        "role": role,
        "sub-intent/action": codes,
        "utterance_text": text,
    }


def written(tmp_path, utterances, name="7"):
    path = tmp_path / "iard.json"
    path.write_text(json.dumps({name: {"dialogue_info": utterances}}), encoding="utf-8")
    return path


def test_each_reply_has_the_act_before_it(tmp_path):
    path = written(
        tmp_path,
        {
            "S5": utterance(5, "seeker", ["REJ", "CRI-A"], "No. Newer than @12 <Up  (2009)>?"),
            "S1": utterance(1, "seeker", ["IQU"], "Hi"),
            "R2": utterance(2, "recommender", ["REQ", "OTH"], "What do you like?"),
            "S3": utterance(3, "seeker", ["ANS"], "Comedies"),
            "R4": utterance(4, "recommender", ["REC-S", "EXP-I"], "@12 <Up (2009)> is fun"),
            "R6": utterance(6, "recommender", ["REC-E"], "Seen @13?"),
            "S7": utterance(7, "seeker", ["ACC"], "I will"),
            "R8": utterance(8, "recommender", ["RESP"], "Great"),
            "S9": utterance(9, "seeker", ["OTH"], "Bye"),
        },
    )
    found = read_iard(path)
    np.testing.assert_array_equal(found.act, [Act.ASK, Act.ENDORSE, Act.RECOMMEND, Act.RESPOND])
    np.testing.assert_array_equal(found.num_offers, [0, 1, 2, 2])
    names = [[name for name, has in zip(INTENTS, row, strict=True) if has] for row in found.intents]
    assert names == [["answer"], ["reject", "critique"], ["accept"], ["other"]]
    assert found.texts[1].split() == ["No.", "Newer", "than", "film", "?"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nothing", "is not a JSON file: "),
        ("[]", "must have dialogues by id, got list"),
        ('{"7": {}}', "dialogue 7 must have the fields of IARD: .*dialogue_info"),
        (
            json.dumps({"7": {"dialogue_info": {"S1": utterance(1, "seeker", ["OTH"], "Hi")}}}),
            "must have a seeker who replies, got none",
        ),
    ],
)
def test_what_is_no_such_file(tmp_path, content, message):
    path = tmp_path / "iard.json"
    path.write_text(content, encoding="utf-8")
    assert_refused(lambda: read_iard(path), message)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "utterance_pos",
            -7,
            "dialogue 7, utterance S2 must have a utterance_pos from 0 on, got -7",
        ),
        ("utterance_pos", 10**30, "utterance S2 must have a utterance_pos from 0 on, got 1000"),
        ("utterance_pos", 1, "dialogue 7 must have one utterance at position 1, got two"),
        ("sub-intent/action", "OTH", "sub-intent/action some of NRE, ACC, .*, OTH, got 'OTH'"),
        ("sub-intent/action", [], r"sub-intent/action some of NRE, .*, got \[\]"),
        ("role", "Seeker", "utterance S2 must have a role seeker or recommender, got 'Seeker'"),
        ("utterance_text", "\ud800", r"utterance_text text of UTF-8, got '\\ud800'"),
    ],
)
def test_a_fault_is_told_with_its_dialogue(tmp_path, field, value, message):
    seeker = utterance(2, "seeker", ["OTH"], "Hi") | {field: value}
    path = written(tmp_path, {"R1": utterance(1, "recommender", ["OTH"], "Hi"), "S2": seeker})
    assert_refused(lambda: read_iard(path), message)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_iard(tmp_path / "iard.json")


@pytest.mark.slow
def test_dialogues_are_sessions_with_a_step_for_each_label(tmp_path):
    path = written(
        tmp_path,
        {
            "R1": utterance(1, "recommender", ["REQ"], "What do you like?"),
            "S2": utterance(2, "seeker", ["PRO", "IQU"], "I want something funny"),
            "R3": utterance(3, "recommender", ["REC-S"], "@13?"),
            "S4": utterance(4, "seeker", ["SEE"], "Seen it"),
        },
    )
    vocabulary = Vocabulary(["funny", "seen"], max_length=4)
    users = DialogueUsers(
        num_attributes=2, channel=Grammar(vocabulary, 20), are_replies_observed=False
    )
    simulator = recsim_tf.conversation(users, slate_size=1)
    genres = {"funny": ("funny",), "scary": ("horror",)}
    log = iard_log(path, simulator, genres)
    replies = alphabet(1, 2)
    assert log.length.tolist() == [3]
    np.testing.assert_array_equal(log.query.act, [[Act.ASK, Act.ASK, Act.RECOMMEND]])
    named = [int(replies.symbol(mode, 0)) for mode in (Mode.REFINE, Mode.REQUEST)]
    np.testing.assert_array_equal(log.response.reply.mode, [[Mode.REFINE, Mode.REQUEST, Mode.RATE]])
    np.testing.assert_array_equal(log.response.reply.symbol, [[*named, UNKNOWN]])
    np.testing.assert_array_equal(log.documents[0, :, 0], [0, 0, 1])
    # Modes are equally likely, and so are words; two attributes may be refined.
    of_words = 4 * np.log(1 / vocabulary.size)
    expected = 3 * (np.log(1 / 9) + of_words) + np.log(1 / 2)
    modes = ("ignoring", "ratings.logit", "critiques.logit", "refinements.logit")
    flat = dict.fromkeys(modes, 0.0)
    plain = simulator.with_parameters({f"users.{name}": value for name, value in flat.items()})
    scorer = scoring_simulator(plain)
    found = scorer.log_prob(as_trajectory(log, scorer, 1)).response
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    with pytest.raises(ValueError, match="attribute_words must have 2 attributes, got 8"):
        iard_log(path, simulator)


def test_users_who_do_not_speak_have_no_such_log(tmp_path):
    with pytest.raises(ValueError, match="simulator must be of DialogueUsers with a channel"):
        iard_log(tmp_path, recsim_tf.conversation(slate_size=1))


def test_a_log_of_dialogues_has_the_sizes_of_its_simulator(tmp_path):
    path = written(
        tmp_path,
        {
            "R1": utterance(1, "recommender", ["REC-S"], "@13?"),
            "S2": utterance(2, "seeker", ["ACC"], "Yes"),
        },
    )
    grammar = Grammar(Vocabulary(["yes"], max_length=2), 20)
    users = DialogueUsers(num_attributes=2, channel=grammar)
    genres = {"funny": ("funny",), "scary": ("horror",)}
    simulator = recsim_tf.conversation(users, num_chips=5, slate_size=1)
    assert iard_log(path, simulator, genres).query.attributes.shape == (1, 1, 5)
    few = recsim_tf.conversation(users, Items(1), slate_size=1, num_candidates=1)
    assert_refused(
        lambda: iard_log(path, few, genres),
        "num_items of the documents must be above 1, the offers of a dialogue, got 1",
    )
