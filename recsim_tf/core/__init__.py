"""The simulator's core: records, models, the simulator, random numbers. It knows only
TensorFlow, TensorFlow Probability and gin.
"""
