# SPDX-License-Identifier: Apache-2.0
"""Gin files and bindings."""
