"""JEM by chains from a pool (Grathwohl et al. 2020, arXiv 1912.03263) on CIFAR-10 with all labels, WRN-28-10.

    python -m experiments.vera --config=configs/vera/jem_cifar10.py

Published: net, chains of 20 steps x' = x - ∇E + .01 ε, pool of 10,000 of which 5 % start afresh, noise .03 on the data,
Adam 1e-4, batch 64, warm-up. Ours: a cosine schedule instead of two drops, no crops and flips.
Expected (paper): 92.9 %, IS 8.76, FID 38.4. Not in our tables: without crops, flips and the two drops this is another
training, and the FID's protocol is not stated.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.cifar10 import images
from configs.vera.common import smoke_images


def get_config(variant=""):
    config = images("cifar10")
    config.method = "jem"
    config.train.batch_size = 64
    config.train.num_steps = 150_000
    config.labels.weight = 1.0
    config.jem.optimizer.warmup_steps = 1000
    config.jem.optimizer.schedule = "cosine"
    config.evaluate.arms = ()
    config.evaluate.foreign = ("svhn_cropped", "uniform", "between")
    return variant_of(config, variant, smoke_images)
