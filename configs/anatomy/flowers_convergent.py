"""Convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on Oxford Flowers, 32 x 32: as published.

    python -m ebmjax.data.prepare oxford_flowers102@32
    python -m experiments.anatomy --config=configs/anatomy/flowers_convergent.py

The settings of the official code: non-local net, 500 steps with ε = .0075 from a bank of one chain per image, SGD from
.1 to 5e-4, data noise .015, 200,000 iterations. Published evaluations of the trained energy, from images: 250,000 steps
of ε = .0075 (--config.evaluate.long_run_steps=250000) and 1,000,000 Metropolis-adjusted steps of .002
(--config.evaluate.mala.num_steps=1000000).
Published training uses all 8,189 images; the training part of this set has 1,020 of them. All of them come from a file:
--config.data.name=npz:FILE. Ours: long chains start at test images.
Expected: none published (the paper shows pictures), not measured here.
Cost: 100 million chain steps, each for 100 images: a GPU and patience; not run at full length.
"""

from configs.anatomy.common import annealed_sgd, convergent, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = convergent("oxford_flowers102@32", annealed_sgd())
    config.train.num_steps = 200_000
    return variant_of(config, variant, smoke_images)
