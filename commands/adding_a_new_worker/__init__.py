"""Adding a New Worker: scale a deployment, watch its rollout to the end, see that the queues are worked on."""
