"""Hypernetwork (Deutsch, Nijkamp & Yang 2019, arXiv 1905.02898) on CIFAR-10: weights of a ResNet-32.

    python -m ebmjax.data.prepare cifar10 && python -m experiments.hypernetwork --config=configs/hypernetwork/cifar10.py

For a GPU; nothing was trained here. The authors' code is a snapshot of research: its last commits set learning rates
down to 4e-7 and leave the entropy out of the loss. Taken from it: the target (464,442 generated weights, normalised per
image), d = 500, the extractor, the rules for code sizes and widths, λ = 1000, 50 z. Ours: 16 images per z where it has
one, clipping, learning rate 1e-4, and the entropy in the loss.
"""

from configs.common import variant_of
from configs.hypernetwork.common import hypernetwork, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape, with one block per scale)."""
    config = hypernetwork("cifar10")
    config.model.target = {"name": "resnet", "width": 16, "num_blocks": 5}
    config.model.hypernet.latent_dim = 500
    config.model.hypernet.extractor = (800, 800, 800)
    config.model.hypernet.code_size = 0
    config.model.hypernet.widths = ()
    config.model.hypernet.depth = 3
    config.model.hypernet.last_code = "filter"
    config.model.num_latents = 50
    config.train.batch_size = 800
    config.train.num_steps = 200_000
    config.optimizer.hypernet.learning_rate = 1e-4
    config.optimizer.hypernet.clip_norm = 1000.0
    config.evaluate.num_ensembles = 1

    def small(config):
        smoke(config)
        config.data.name = "fake:32x32x3"
        config.model.target.width = 4
        config.model.target.num_blocks = 1
        config.model.hypernet.extractor = (16,)
        config.model.hypernet.latent_dim = 8
        config.model.hypernet.depth = 1
        config.evaluate.no_diversity = False

    return variant_of(config, variant, small)
