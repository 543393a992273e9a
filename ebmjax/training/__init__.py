"""Driving a method: the loop, checkpoints, metrics, devices and the command line. Knows no method by name."""
