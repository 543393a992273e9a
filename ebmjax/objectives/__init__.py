"""Objectives: arrays in, scalars out. Samples are arguments; no objective runs MCMC."""

from ebmjax.objectives.alternation import Gate, make_rule, next_gate, open_gate
from ebmjax.objectives.contrastive import contrastive, gradient_penalty
from ebmjax.objectives.entropy import knn_entropy
from ebmjax.objectives.labels import LabelWeights, cross_entropy, label_entropy, label_terms
from ebmjax.objectives.likelihood import gaussian_log_prob, log_mean_exp, squared_error
from ebmjax.objectives.noise_contrastive import noise_contrastive, noise_contrastive_logit
from ebmjax.objectives.score_matching import denoising_score_matching, sliced_score_matching
from ebmjax.objectives.triangle import diagonal_entropy, diagonal_log_prob, kl_to_normal, triangle
from ebmjax.objectives.variational import fixed_noise_divergence, gaussian_entropy, marginal_divergence

__all__ = [
    "Gate",
    "LabelWeights",
    "contrastive",
    "cross_entropy",
    "denoising_score_matching",
    "diagonal_entropy",
    "diagonal_log_prob",
    "fixed_noise_divergence",
    "gaussian_entropy",
    "gaussian_log_prob",
    "gradient_penalty",
    "kl_to_normal",
    "knn_entropy",
    "label_entropy",
    "label_terms",
    "log_mean_exp",
    "make_rule",
    "marginal_divergence",
    "next_gate",
    "noise_contrastive",
    "noise_contrastive_logit",
    "open_gate",
    "sliced_score_matching",
    "squared_error",
    "triangle",
]
