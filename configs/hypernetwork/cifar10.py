"""Hypernetwork (Deutsch, Nijkamp & Yang 2019, arXiv 1905.02898) on CIFAR-10: weights of a ResNet-32.

    python -m ebmjax.data.prepare cifar10 && python -m experiments.hypernetwork --config=configs/hypernetwork/cifar10.py

The authors' code is a snapshot of research: its last commits set learning rates down to 4e-7 and leave the entropy out
of the loss. Taken from it: the target (464,442 generated weights, normalised per image), d = 500, the extractor (ReLU,
its third layer of 800 linear), the rules for code sizes and widths, λ = 1000, 50 z, standardised images, 40,000 of them
(the rest is for validation), random crops and flips. Ours: 16 images per z instead of one, Adam with 1e-4 and clipping
instead of momentum, the entropy in the loss; crops are padded by reflection, not by 0.
Expected: none published that could be compared, not measured here.
Cost: 200,000 steps of 50 networks on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.hypernetwork.common import hypernetwork, smoke_images


def get_config(variant=""):
    config = hypernetwork("cifar10")
    config.data.update(num_train=40_000, augment="crop_flip")
    config.model.inputs = "standardised"
    config.model.target = {"name": "resnet", "width": 16, "num_blocks": 5}
    config.model.hypernet.update(
        latent_dim=500, extractor=(800, 800, 800), code_size=0, widths=(), depth=3, last_code="filter"
    )
    config.model.hypernet.update(slope=0.0, linear_codes=True)
    config.model.num_latents = 50
    config.train.update(num_steps=200_000, batch_size=800)
    config.optimizer.hypernet.update(learning_rate=1e-4, clip_norm=1000.0)
    config.evaluate.num_ensembles = 1
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke_images` with one block per scale."""
    smoke_images(config)
    config.model.target.update(width=4, num_blocks=1)
    config.model.hypernet.update(extractor=(16,), depth=1)
    config.evaluate.no_diversity = False
