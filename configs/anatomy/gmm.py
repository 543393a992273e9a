"""Convergent and non-convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) of eight Gaussians in the plane.

    python -m experiments.anatomy

The default of the experiment: two runs. Published: the net, ε and the starts of both runs, and for the non-convergent
one 100 steps and Adam with 1e-4. Our own, for minutes instead of hours: for the convergent run Adam with 1e-3 to 1e-5
instead of SGD, 50 chain steps instead of 500, a bank of 1,000 and a scale of .03 for the net's output; for both 250
examples and chains a step, 5,000 iterations. gmm_paper.py has the published settings.
Expected (seeds 0, 1, 2): kl_true_model .09-.11, energy_mode_sd .124-.128, bank_mode_sd .147-.151, long_run_sd_ratio
.95-1.00 and, non-convergent, .49-.51. What matters is the learning rate: with 2e-3 to 1e-4 all samples look the same,
but the energy's modes are less equal (kl_true_model .30 on seed 0); 3e-3 with He's initialisation diverged.
Cost: three minutes of a CPU core, with the evaluation.
"""

from configs.anatomy.common import optimizer, smoke, toy
from configs.common import variant_of


def get_config(variant=""):
    config = toy("gmm", scale=1.0)
    config.train.update(num_steps=5000, batch_size=250, log_every=50, checkpoint_every=1000)
    config.model.energy.output_scale = 0.03
    config.sampler.chain.num_steps = 50
    config.initial.bank_size = 1000
    config.optimizer.energy = optimizer("adam", 1e-3, schedule="cosine", final_fraction=0.01)
    config.evaluate.update(num_chains=500, num_samples=1000)  # samples: one of each chain of the bank
    return variant_of(config, variant, smoke)
