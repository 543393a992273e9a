"""VERA as JEM (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on CIFAR-10 with all labels, WRN-28-10.

    python -m experiments.vera --config=configs/vera/cifar10.py

Published, all of it flags of the authors' command or defaults of their train.py: the classifier with dropout .3, the
residual generator of 256 features with batch normalisation, random crops and flips, batch 40, λ = 1e-4, γ = .1,
cross-entropy × 100, Adam (0, .9) with rates × .3 at epochs 150 and 175 and a warm-up of 2,500 iterations (neither for
the proposal), 200 epochs of 1,250 iterations. Their code keeps the best of the training by accuracy on the test part;
ours evaluates the last parameters.
Expected (paper): 93.2 %, IS 8.11 and FID 30.5; with cross-entropy × 1 (labels.weight) 76.1 %, 8.00 and 27.5. Not in our
tables: the best by test accuracy is another figure, and the protocol of its FID is not stated. Not measured here.
Cost: days of a GPU; not run at full length. docs/methods/vera.md has seconds and memory of one iteration on a CPU.
"""

from configs.common import each, variant_of
from configs.vera.common import smoke_images, vera


def images(data, steps_per_epoch):
    """Settings of 32 x 32 images with all labels, for 200 epochs."""
    config = vera(data)
    config.data.augment = "crop_flip"
    config.train.update(num_steps=200 * steps_per_epoch, batch_size=40, checkpoint_every=5000)
    config.labels.update(per_class=0, num_seeds=1, weight=100.0)
    config.model.energy.update(name="wide_resnet", dropout=0.3)
    config.model.generator.update(name="residual", width=256)
    config.model.entropy_weight = 1e-4
    for group, rate in (("energy", 3e-5), ("generator", 6e-5), ("proposal", 3e-5)):
        config.optimizer[group].learning_rate = rate
    learned = (config.optimizer.energy, config.optimizer.generator)
    each(learned, schedule="step", decay_rate=0.3, decay_epochs=(150, 175), warmup_steps=2500)
    config.evaluate.batch_size = 100
    return config


def get_config(variant=""):
    config = images("cifar10", 1250)
    config.evaluate.foreign = ("svhn_cropped", "uniform", "between")
    return variant_of(config, variant, smoke_images)
