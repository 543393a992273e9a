"""Symbol-vector coupling on HEPMASS, 10 labels a class, the setting of Pang et al. 2020 (arXiv 2010.09359) for tables.

    python -m experiments.symbol_vector --config=configs/symbol_vector/hepmass.py --config.data.name=npz:FILE

FILE as in crop.py: collisions (UCI) in 2 classes, with the 15 columns of configs/vera/hepmass.py. Nets and learning
rates are ours, because the paper's are not known to us; it has no figure to compare with.
Expected: none published, not measured here.
Cost: 30,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import small, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("npz:FILE")
    small(config)
    config.data.standardise = True
    config.train.update(num_steps=30_000, batch_size=500)
    config.model.energy.widths = (200, 200)
    config.model.generator.widths = config.model.encoder.widths = (256, 256)
    config.model.input_noise = 0.3
    config.sampler.prior.num_steps = 60
    return variant_of(config, variant, smoke)
