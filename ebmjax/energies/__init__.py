"""Energies: combinators, targets (most with exact draws and log Z: the references of the tests), discrete models."""

from ebmjax.energies.analytic import Target, eight_gaussians, gaussian, mixture, standard_gaussian
from ebmjax.energies.bayesian import breast_cancer, eight_schools, logistic_regression, stochastic_volatility
from ebmjax.energies.catalog import TARGETS
from ebmjax.energies.combinators import (
    bind,
    gaussian_nll,
    marginal_labels,
    posterior,
    pullback,
    standard_normal,
    temper,
    tilt,
)
from ebmjax.energies.discrete import Enumerated, all_states, enumerated, ising, potts, rbm
from ebmjax.energies.landscapes import banana, double_well, funnel, many_well, pinwheel, rings
from ebmjax.energies.lattice import phi_four

__all__ = [
    "Enumerated",
    "TARGETS",
    "Target",
    "all_states",
    "banana",
    "bind",
    "breast_cancer",
    "double_well",
    "eight_gaussians",
    "eight_schools",
    "enumerated",
    "funnel",
    "gaussian",
    "gaussian_nll",
    "ising",
    "logistic_regression",
    "many_well",
    "marginal_labels",
    "mixture",
    "phi_four",
    "pinwheel",
    "posterior",
    "potts",
    "pullback",
    "rbm",
    "rings",
    "standard_gaussian",
    "standard_normal",
    "stochastic_volatility",
    "temper",
    "tilt",
]
