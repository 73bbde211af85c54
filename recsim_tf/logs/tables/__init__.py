# SPDX-License-Identifier: Apache-2.0
"""Logs from tables, CSV and Parquet."""
