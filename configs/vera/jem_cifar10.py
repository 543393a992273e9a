"""JEM by chains from a pool (Grathwohl et al. 2020, arXiv 1912.03263) on CIFAR-10 with all labels, WRN-28-10.

    python -m experiments.vera --config=configs/vera/jem_cifar10.py

Published: net without dropout, chains of 20 steps x' = x - ∇E + .01 ε, pool of 10,000 of which 5 % start afresh, noise
.03 on the data, random crops and flips, Adam 1e-4 with a warm-up of 1,000 iterations and × .3 at epochs 160 and 180,
batch 64, 45,000 images for training, and the best of 200 epochs of 703 iterations by accuracy on the other 5,000. Ours:
the examples of the cross entropy are those whose energy is lowered, with other noise; theirs are drawn by themselves.
Foreign examples are the paper's, with its noise; without CIFAR-100 and CelebA add
--config.evaluate.foreign="('svhn_cropped',)". Attacks: --config.evaluate.attacks.num_examples=300, as published.
Expected (paper): 92.9 %, IS 8.76, FID 38.4. Not in our tables: its test images have the noise of the training too, and
the protocol of its FID is not stated. Not measured here.
Cost: days of a GPU; not run at full length. docs/methods/jem.md has seconds and memory of one iteration on a CPU.
"""

from configs.common import variant_of
from configs.vera.cifar10 import images
from configs.vera.common import smoke_images


def jem_images(data, steps_per_epoch):
    """Settings of 32 x 32 images with all labels, for 200 epochs without the 5,000 images of validation."""
    config = images(data, steps_per_epoch)
    config.method = "jem"
    config.train.batch_size = 64
    config.labels.weight = 1.0
    config.model.energy.dropout = 0.0
    config.validation.update(num_examples=5000, every=steps_per_epoch)
    config.jem.optimizer.update(schedule="step", decay_rate=0.3, decay_epochs=(160, 180), warmup_steps=1000)
    config.evaluate.arms = ()
    return config


def get_config(variant=""):
    config = jem_images("cifar10", 703)
    config.evaluate.update(
        foreign=("svhn_cropped", "cifar100", "celeb_a@32", "between"), foreign_noise=0.03, ece_bins=20
    )
    return variant_of(config, variant, smoke_images)
