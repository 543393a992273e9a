"""ebmjax: energy-based models in JAX.

Everything is an energy: p(x) ∝ exp(-E(x) / T), lower energy = more probable (docs/conventions.md).
Subpackages load on first use, so that `import ebmjax` stays quick and needs no deep-learning library:

    energies, nets, flows, data    what is modelled, and with what
    mcmc, objectives               how it is sampled, and what is minimised
    diagnostics, evaluation        whether the chains and the model are any good
    methods                        one paper = one file
    training, viz                  drive a method from a config, and show what it did
"""

import importlib

__version__ = "0.1.0"

_SUBPACKAGES = (
    "data",
    "diagnostics",
    "energies",
    "evaluation",
    "flows",
    "mcmc",
    "methods",
    "nets",
    "objectives",
    "pytree",
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
