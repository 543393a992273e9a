"""From a trained run to its figures and pictures."""
