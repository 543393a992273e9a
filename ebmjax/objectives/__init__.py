"""Objectives: arrays in, scalars out. Samples are arguments; no objective runs MCMC."""

from ebmjax.objectives.contrastive import contrastive
from ebmjax.objectives.likelihood import gaussian_log_prob, log_mean_exp, squared_error

__all__ = ["contrastive", "gaussian_log_prob", "log_mean_exp", "squared_error"]
