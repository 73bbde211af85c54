"""Packaging: `agents/` and `configs/` stand at the top of the repository and are installed inside
`recsim_tf`.
"""

from setuptools import find_packages, setup

TOP_LEVEL = {"recsim_tf.agents": "agents", "recsim_tf.configs": "configs"}


def packages() -> list[str]:
    found = find_packages(include=["recsim_tf", "recsim_tf.*"])
    for package, folder in TOP_LEVEL.items():
        found += [package, *(f"{package}.{name}" for name in find_packages(folder))]
    return found


setup(
    packages=packages(),
    package_dir=TOP_LEVEL,
    package_data={"recsim_tf.configs": ["**/*.gin", "*.gin"]},
)
