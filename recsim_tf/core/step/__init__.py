# SPDX-License-Identifier: Apache-2.0
"""One step of a session: turns, stages and their order."""
