"""Packaging: `recsim_tf/agents` and `recsim_tf/configs` are links to the folders at the top."""

from setuptools import find_namespace_packages, setup

setup(
    # With this an editable install is a path that type checkers and editors follow.
    package_dir={"": "."},
    # The folders of `configs` hold gin files alone, without an `__init__.py`.
    packages=find_namespace_packages(include=["recsim_tf", "recsim_tf.*"]),
    package_data={
        "recsim_tf": ["py.typed"],
        "recsim_tf.support": ["page.html"],
        "recsim_tf.configs": ["**/*.gin"],
        "recsim_tf.worlds": ["*/*"],
    },
)
