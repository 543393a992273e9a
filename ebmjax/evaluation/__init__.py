"""Evaluation of models: distances between samples and data, baselines, scores for anomalies, classifiers and text."""

from ebmjax.evaluation.anomaly import HeldOut, auprc, auroc, hold_out_class, precision_recall
from ebmjax.evaluation.baselines import pca_errors, pca_mse
from ebmjax.evaluation.batching import distinct_samples, map_batches, sample_in_batches
from ebmjax.evaluation.calibration import calibration_error, reliability
from ebmjax.evaluation.classifier import Classifier, accuracy, fit_classifier
from ebmjax.evaluation.clusters import purity
from ebmjax.evaluation.frechet import GaussianFit, fit_gaussian, frechet_distance, frechet_from_moments, moments
from ebmjax.evaluation.grid import Grid, grid_kl, grid_log_density, kernel_density, square_grid
from ebmjax.evaluation.linear_probe import cluster_probe, linear_probe
from ebmjax.evaluation.ood import ood_scores
from ebmjax.evaluation.refinement import refine

__all__ = [
    "Classifier",
    "GaussianFit",
    "Grid",
    "HeldOut",
    "accuracy",
    "auprc",
    "auroc",
    "calibration_error",
    "cluster_probe",
    "fit_classifier",
    "fit_gaussian",
    "frechet_distance",
    "frechet_from_moments",
    "grid_kl",
    "grid_log_density",
    "hold_out_class",
    "kernel_density",
    "linear_probe",
    "map_batches",
    "moments",
    "ood_scores",
    "pca_errors",
    "pca_mse",
    "precision_recall",
    "purity",
    "refine",
    "reliability",
    "sample_in_batches",
    "distinct_samples",
    "square_grid",
]
