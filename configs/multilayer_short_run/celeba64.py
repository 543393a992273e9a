"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on CelebA, 64 x 64.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/celeba64.py

The code of this size is not released. Settings are those of configs/multilayer_short_run/celeba32.py; feature maps of
16 x 16 are doubled twice. Inpainting hides a square of 32 x 32 pixels.
Expected (Pang et al. 2020, arXiv 2006.08205, table 1): FID 47.95, MSE .015, most likely on a subset of 40,000 images;
not measured here.
Cost: 240,400 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import released, smoke_images, table_of_later_papers


def get_config(variant=""):
    config = released("celeb_a@64")
    config.data.num_train = 40_000
    config.train.num_steps = 601 * 400
    config.evaluate.hidden.update(name="block", size=32)
    table_of_later_papers(config, 0.015, 47.95)
    return variant_of(config, variant, smoke_images)
