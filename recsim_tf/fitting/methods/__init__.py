# SPDX-License-Identifier: Apache-2.0
"""Methods of fits: what each does with the draws that a log lacks, and how it knows errors."""
