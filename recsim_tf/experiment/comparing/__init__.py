# SPDX-License-Identifier: Apache-2.0
"""Finished runs side by side: what is read of them, the gains, and how readers see these."""
