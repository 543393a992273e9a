"""The 10-D funnel v ~ N(0, 9), x_i | v ~ N(0, e^v), by neural transport (Hoffman et al. 2019, arXiv 1903.03704) with
its exact map, beside data-space HMC.

    python -m experiments.sample --config=configs/sample/funnel.py
    python -m experiments.sample --config=configs/sample/funnel.py --config.sampler.neural_transport=False

Expected: in the latent space, where the target is N(0, I), R-hat 1.00; in data space R-hat of v above 1.05 and its
standard deviation well below 3, for no step size suits both the mouth and the neck.
Cost: half a minute on a CPU.
"""

from configs.sample.common import sample


def get_config(variant=""):
    config = sample("funnel", variant)
    config.sampler.neural_transport = True
    return config
