"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on SVHN, 32 x 32.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/svhn.py

The code of this data set is not released. Settings are those of configs/multilayer_short_run/celeba32.py. Inpainting
hides a square of 16 x 16 pixels. The paper's picture of disentangled layers has three of them:
--config.model.latent_dims="(128, 96, 64)", and then layers.png in the work directory. "python -m ebmjax.data.prepare
svhn_cropped" loads the data.
Expected (Pang et al. 2020, arXiv 2006.08205, table 1): FID 35.23, MSE .011; not measured here.
Cost: 240,400 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import released, smoke_images, table_of_later_papers


def get_config(variant=""):
    config = released("svhn_cropped")
    config.train.num_steps = 601 * 400
    config.evaluate.hidden.update(name="block", size=16)
    table_of_later_papers(config, 0.011, 35.23)
    return variant_of(config, variant, smoke_images)
