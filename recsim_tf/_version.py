# SPDX-License-Identifier: Apache-2.0
"""The version, in a file that the build reads without importing TensorFlow."""

__version__ = "0.1.0"
