"""Logs from tables, CSV and Parquet."""
