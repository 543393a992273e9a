"""ESS (Vehtari et al. 2021, arXiv 1903.08008) per gradient and per second of several kernels on one target, in one
table.

    python -m experiments.sample --config=configs/sample/comparison.py
    python -m experiments.sample --config=configs/sample/comparison.py --config.target.name=breast_cancer

The default target is the non-centred eight schools (Rubin 1981), whose exact draws give the errors of mean and standard
deviation. Other targets of the field: eight_schools_centred, breast_cancer, stochastic_volatility, many_well, phi_four.
Metropolis kernels adapt their step size, hmc_mass, chees and blackjax_nuts a diagonal mass too; langevin, underdamped
and blackjax_mclmc have no acceptance to follow, and the step sizes here suit targets with scales near 1.
Expected, seed 0: ESS per 1,000 gradients 86 of hmc_mass, 76 of chees, 48 of blackjax_nuts, 22 of hmc, 10 and less of
the others; R-hat at most 1.004 of these four and above 1.03 of the others.
Cost: 115 CPU seconds, most of it for compiling.
"""

from ml_collections import ConfigDict

from configs.sample.common import sample

FIXED = {"target_acceptance": 0.0}


def get_config(variant=""):
    config = sample("eight_schools", variant)
    # Beside config.sampler, hmc. title: the fields that differ from its; without a name, the title is the kernel's.
    config.samplers = ConfigDict(
        {
            "mala": {"target_acceptance": 0.574},
            "hmc_mass": {"name": "hmc", "warm_up": "diagonal"},
            "chees": {"name": "hmc", "warm_up": "chees"},
            "blackjax_nuts": {"warm_up": "diagonal"},
            "blackjax_barker": {"target_acceptance": 0.4},
            "langevin": {"step_size": 0.3, **FIXED},
            "underdamped": {"step_size": 0.3, **FIXED},
            "blackjax_mclmc": {"step_size": 0.5, **FIXED},
        }
    )
    if variant == "smoke":  # those that are quick to compile
        config.samplers = ConfigDict({name: config.samplers[name] for name in ("mala", "langevin")})
    return config
