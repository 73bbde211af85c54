# SPDX-License-Identifier: Apache-2.0
"""Fitted models in folders that can be given away."""
