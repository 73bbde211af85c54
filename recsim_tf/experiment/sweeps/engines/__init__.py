# SPDX-License-Identifier: Apache-2.0
"""Ray Tune as the engine that runs the trials of a sweep."""
