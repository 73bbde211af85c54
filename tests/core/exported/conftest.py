# SPDX-License-Identifier: Apache-2.0
import pytest

import recsim_tf
from tests.core.exported.readers import NUM_USERS, read_exported


@pytest.fixture(scope="session", autouse=True)
def fixture_devices():
    """JAX's XLA does not know all flags of TensorFlow's, and reads them when it starts."""
    jax = pytest.importorskip("jax", reason="the readers of an exported environment are in JAX")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("XLA_FLAGS", raising=False)
        jax.devices()


@pytest.fixture(scope="module")
def world():
    return recsim_tf.make("LongTermSatisfaction-v1", slate_size=2, num_candidates=5, max_steps=4)


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "folder"
    assert world.export_environment(path, NUM_USERS) == path
    return path


@pytest.fixture(scope="module")
def environment(folder):
    return read_exported(folder).Environment(folder)
