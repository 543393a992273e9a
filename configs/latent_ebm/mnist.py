"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on MNIST, 28 x 28.

    python -m ebmjax.data.prepare mnist && python -m experiments.latent_ebm --config=configs/latent_ebm/mnist.py

The paper uses MNIST for anomaly detection only (latent size 8, width 128; its code is not released); this config learns
to generate. The stack is the published one at a sixteenth of its width, with our own latent size and learning rates, so
that 2,000 steps on a CPU show something; a GPU affords `--config.model.generator.width=128`.
Expected: none published, not measured here.
Cost: not measured.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images


def get_config(variant=""):
    config = latent_ebm("mnist")
    config.model.latent_dim = 32
    config.model.generator.update(name="mnist", width=8)
    config.optimizer.energy.learning_rate = 2e-4
    config.optimizer.generator.learning_rate = 1e-3
    config.train.num_steps = 20_000
    config.evaluate.max_examples = 5000
    return variant_of(config, variant, smoke_images)
