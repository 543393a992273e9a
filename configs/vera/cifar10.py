"""VERA as JEM (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on CIFAR-10 with all labels, WRN-28-10.

    python -m experiments.vera --config=configs/vera/cifar10.py

Published: the classifier but for its dropout, batch 40, λ = 1e-4, γ = .1, cross-entropy × 100, learning rates and their
warm-up. Ours: a generator of transposed convolutions without batch normalisation instead of the residual one, a cosine
schedule instead of two drops, no crops and flips.
Expected (paper): 93.2 % and FID 30.5 (JEM 92.9 % and 38.4). Not in our tables: without crops and flips, the residual
generator and its schedule this is another training, and the FID's protocol is not stated.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.common import smoke_images, vera


def images(data):
    """32 x 32 images with all labels, once."""
    config = vera(data)
    config.train.update(num_steps=250_000, batch_size=40, checkpoint_every=5000)
    config.labels.update(per_class=0, num_seeds=1, weight=100.0)
    config.model.energy.name = "wide_resnet"
    config.model.generator.name = "svhn"
    config.model.entropy_weight = 1e-4
    for group, rate in (("energy", 3e-5), ("generator", 6e-5), ("proposal", 3e-5)):
        config.optimizer[group].learning_rate = rate
        config.optimizer[group].warmup_steps = 2500
        config.optimizer[group].schedule = "cosine"
    config.evaluate.batch_size = 100
    return config


def get_config(variant=""):
    config = images("cifar10")
    config.evaluate.foreign = ("svhn_cropped", "uniform", "between")
    return variant_of(config, variant, smoke_images)
