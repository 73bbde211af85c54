# SPDX-License-Identifier: Apache-2.0
"""The models of users and documents that the author of an environment writes."""
