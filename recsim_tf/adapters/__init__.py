"""Edges to other libraries, each imported on its own: `recsim_tf.adapters.tf_agents` needs TF-Agents, `recsim_tf.adapters.gymnasium` Gymnasium."""
