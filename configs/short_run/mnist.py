"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on MNIST, 28 x 28.

    python -m ebmjax.data.prepare mnist && python -m experiments.short_run --config=configs/short_run/mnist.py

Published: the Langevin step, the start and the data noise. Our own, for a CPU: an MLP instead of the convolutions, K =
60, learning rate and length. The convolutional energy takes 32 pixels (`--config.data.name=mnist@32
--config.model.energy.name=conv`).
Expected: none published: the paper has no MNIST. Here, seed 0, after 3,760 steps of a schedule of 5,500: frechet_pixels
92, real images 3.
Cost: 40 minutes of a CPU core for these.
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke_images


def get_config(variant=""):
    config = short_run("mnist")
    config.model.energy.update(name="mlp", widths=(512, 512), activation="silu")
    config.sampler.chain.num_steps = 60
    config.optimizer.energy.update(learning_rate=2e-3, schedule="cosine")
    config.train.update(num_steps=3000, batch_size=128, steps_per_dispatch=10, ema_decay=0.99)
    config.evaluate.max_examples = 5000
    return variant_of(config, variant, smoke_images)
