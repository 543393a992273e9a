"""The published MNIST target and hypernetwork (see mnist.py) within half an hour of one CPU core.

    python -m ebmjax.data.prepare mnist && python -m experiments.hypernetwork --config=configs/hypernetwork/mnist_cpu.py

Ours: 16 z x 16 images for 2,000 steps with a decaying learning rate, where the paper has 32 x 32 for 13,000 to 18,000;
smaller ensembles; neither a run without diversity nor directly trained networks (--config.model.num_direct=2
adds two, for as much time again as the training takes). At a learning rate of 1e-3 the
weights leave their small start at once, and the networks die: chance accuracy after 900 steps, then divergence.
"""

from configs.common import variant_of
from configs.hypernetwork import mnist


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = mnist.get_config()
    config.train.num_steps = 2000
    config.train.batch_size = 256
    config.train.log_every = 50
    config.model.num_latents = 16
    config.model.num_direct = 0
    for optimizer in config.optimizer.values():
        optimizer.schedule = "cosine"
    config.evaluate.no_diversity = False
    config.evaluate.ensemble_size = 20
    config.evaluate.num_ensembles = 1
    config.evaluate.num_paths = 3
    config.evaluate.num_points = 11
    config.evaluate.path_examples = 250
    config.evaluate.num_attacked = 2
    config.evaluate.epsilons = (0.0, 0.2, 0.4)
    config.evaluate.distill_steps = 300
    config.evaluate.distill_batch_size = 128
    config.evaluate.distill_teachers = 2
    return variant_of(config, variant, mnist.small)
