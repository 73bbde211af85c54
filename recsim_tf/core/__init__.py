"""The simulator's core: records, models, the simulator, random numbers. It knows TensorFlow and
TensorFlow Probability only.
"""
