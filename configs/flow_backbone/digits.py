"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897) on 8 x 8 digits: where chains in data space do not mix.

    python -m experiments.flow_backbone --config=configs/flow_backbone/digits.py

All settings are ours, the first that were tried.
Expected, seeds 0, 1, 2, with 7,500 gradients a chain, a diagonal mass learned in both spaces: R-hat of E and of random
projections 1.005, 1.007, 1.010 in latent space, 1.52, 1.46, 1.57 in data space; ESS 2,783, 2,415, 1,968 against 29, 31,
28; 336 to 384 against 55 to 59 changes of the classifier's answer in 1,000 transitions. The tilt matters: E has a
standard deviation of 2.1 to 2.6 nats over the flow, and brings frechet_features from 29, 33, 31 (the flow) to 5.4, 5.0,
6.5 (real test digits 4). Many samples are still not clear digits: both nets are small.
Cost: three minutes of a CPU core.
"""

from configs.common import each, variant_of
from configs.flow_backbone.common import flow_backbone, smoke


def get_config(variant=""):
    config = flow_backbone("digits")
    config.flow.model.flow = {"name": "affine_coupling", "num_layers": 4, "width": 64, "max_log_scale": 2.0}
    config.flow.optimizer.flow.clip_norm = 10.0
    each((config.train, config.flow.train), batch_size=128, steps_per_dispatch=50, log_every=50)
    config.train.num_steps = 1200
    config.model.energy_l2 = 1e-3
    config.sampler.options.hmc.num_leapfrog = 5
    config.sampler.chain.step_size = 0.2
    config.evaluate.num_importance = 10_000
    config.evaluate.mixing.num_leapfrog = 5
    return variant_of(config, variant, smoke)
