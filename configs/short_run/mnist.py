"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on MNIST, 28 x 28.

    python -m ebmjax.data.prepare mnist && python -m experiments.short_run --config=configs/short_run/mnist.py

The paper has no MNIST. Published: the Langevin step, the start and the data noise. Our own, for a CPU: an MLP in the
place of the convolutions, K = 60, learning rate and length. The convolutional energy takes 32 pixels
(`--config.data.name=mnist@32 --config.model.energy.name=conv`).
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = short_run("mnist")
    config.model.energy.name = "mlp"
    config.model.energy.widths = (512, 512)
    config.model.energy.activation = "silu"
    config.sampler.chain.num_steps = 60
    config.optimizer.energy.learning_rate = 2e-3
    config.optimizer.energy.schedule = "cosine"
    config.train.num_steps = 3000
    config.train.steps_per_dispatch = 10
    config.train.batch_size = 128
    config.train.ema_decay = 0.99
    config.evaluate.max_examples = 5000
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:28x28x1"))
