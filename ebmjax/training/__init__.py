"""Training: the loop, checkpoints, metrics, devices and the command line, for any method."""
