# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.training.replay import SeededReplayBuffer


def _filled(num_frames, seed=3, num_users=4, max_length=5):
    replay = SeededReplayBuffer(tf.TensorSpec([2], tf.float32), num_users, max_length, seed)
    for time in range(num_frames):
        replay.add_batch(
            tf.stack(
                [tf.fill([num_users], float(time)), tf.range(num_users, dtype=tf.float32)], axis=1
            )
        )
    return replay


def test_samples_are_consecutive_frames_of_one_user():
    frames = _filled(12).sample(500, num_steps=2).numpy()
    assert frames.shape == (500, 2, 2)
    assert np.all(frames[:, 1, 0] == frames[:, 0, 0] + 1)
    assert np.all(frames[:, 1, 1] == frames[:, 0, 1])


def test_samples_are_uniform_over_users_and_the_kept_times():
    frames = _filled(12).sample(16000, num_steps=2).numpy()[:, 0]
    counts = {
        (time, user): np.sum((frames[:, 0] == time) & (frames[:, 1] == user))
        for time in range(7, 11)
        for user in range(4)
    }
    assert sum(counts.values()) == 16000
    # 16 cells of 1000: four standard errors are 4 * sqrt(1000 * 15 / 16) = 122.
    assert all(abs(count - 1000) < 122 for count in counts.values())


def test_a_buffer_that_is_not_full_gives_only_what_was_added():
    frames = _filled(3).sample(400, num_steps=2).numpy()
    assert set(frames[:, 0, 0]) == {0.0, 1.0}


def test_a_restored_buffer_goes_on_with_the_same_samples(tmp_path):
    replay = _filled(12)
    replay.sample(10)
    path = tf.train.Checkpoint(replay=replay).save(str(tmp_path / "replay"))
    expected = replay.sample(10)
    restored = _filled(0, seed=99)
    tf.train.Checkpoint(replay=restored).restore(path).assert_consumed()
    np.testing.assert_array_equal(restored.sample(10), expected)


@pytest.mark.parametrize("num_frames", [3, 5, 6, 12, 14])
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_the_latest_frames_are_every_users_newest_oldest_first(num_frames, num_steps):
    frames = _filled(num_frames).latest(num_steps).numpy()
    assert frames.shape == (4, num_steps, 2)
    for user in range(4):
        assert frames[user, :, 0].tolist() == list(range(num_frames - num_steps, num_frames))
        assert frames[user, :, 1].tolist() == [user] * num_steps
