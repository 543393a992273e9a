"""ebmjax: energy-based models in JAX.

Everything is an energy: p(x) ∝ exp(-E(x) / T), lower energy = more probable (docs/conventions.md).
Subpackages load on first use, so that `import ebmjax` stays quick and needs no deep-learning library:

    energies, nets, flows, data    models and data sets
    mcmc, objectives               samplers and losses
    estimators                     likelihoods, interpolation and decoding, used by methods
    diagnostics, evaluation        quality of chains, quality of models
    methods                        one paper = one file
    viz, report                    pictures; tables and pages of a run
    training                       trains a method from a config
"""

import importlib

__version__ = "0.1.0"

_SUBPACKAGES = (
    "data",
    "diagnostics",
    "energies",
    "estimators",
    "evaluation",
    "files",
    "flows",
    "mcmc",
    "methods",
    "metrics",
    "nets",
    "objectives",
    "optimizers",
    "pytree",
    "report",
    "training",
    "types",
    "viz",
)


def __getattr__(name: str):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"ebmjax.{name}")
    raise AttributeError(f"module 'ebmjax' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_SUBPACKAGES])
