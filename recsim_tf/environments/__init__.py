# SPDX-License-Identifier: Apache-2.0
"""The environments. Each is a module or a folder."""
