"""Energies: combinators, and analytic targets with exact samples and log Z (the references of the tests)."""

from ebmjax.energies.analytic import Target, eight_gaussians, gaussian, mixture, standard_gaussian
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
from ebmjax.energies.landscapes import TARGETS, banana, double_well, funnel, pinwheel, rings

__all__ = [
    "Enumerated",
    "TARGETS",
    "Target",
    "all_states",
    "banana",
    "bind",
    "double_well",
    "eight_gaussians",
    "enumerated",
    "funnel",
    "gaussian",
    "gaussian_nll",
    "ising",
    "marginal_labels",
    "mixture",
    "pinwheel",
    "posterior",
    "potts",
    "pullback",
    "rbm",
    "rings",
    "standard_gaussian",
    "standard_normal",
    "temper",
    "tilt",
]
