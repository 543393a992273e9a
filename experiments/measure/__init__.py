"""Figures and pictures of a trained run."""
