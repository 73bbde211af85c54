"""TF-Agents agents for slates, installed as `recsim_tf.agents`."""
