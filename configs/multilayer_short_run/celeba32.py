"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on CelebA, 32 x 32: the released code.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/celeba32.py

Five layers, 12,162,435 parameters, 40,000 images, 601 epochs; the learning rate is halved at epochs 50, 100 and 300.
The 40,000 are the first of the training set as prepared here; there they are the first files of a folder.
Inpainting hides a square of 16 x 16 pixels.
Expected: none published at this size; not measured here.
Cost: 240,400 steps of 27 passes through the generator each, a GPU's work; not run at full length.
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import released, smoke_images


def get_config(variant=""):
    config = released("celeb_a@32")
    config.data.num_train = 40_000
    config.train.num_steps = 601 * 400
    config.evaluate.hidden.update(name="block", size=16)
    return variant_of(config, variant, smoke_images)
