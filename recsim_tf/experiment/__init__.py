"""Experiments: training, evaluation and simulation as gin-configured runs in a folder. Needs the
extra `recsim-tf[agents]`.
"""
