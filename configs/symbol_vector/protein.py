"""Symbol-vector coupling on the Protein table of Pang et al. 2020 (arXiv 2010.09359), 10 labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/protein.py --config.data.name=npz:FILE

FILE as in crop.py. Published is the name of the table. Which one that is (UCI has one of 9 physicochemical properties,
whose target is a number that would have to be cut into classes), its number of labels, the nets and the figure are not
known to us: classes are those of FILE, all settings are ours, with smaller nets than in hepmass.py.
Expected: none that we could compare; not measured here.
Cost: 10,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import smoke
from configs.symbol_vector.hepmass import get_config as hepmass


def get_config(variant=""):
    config = hepmass()
    config.model.latent_dim = 8
    config.model.generator.widths = config.model.encoder.widths = (128, 128)
    config.train.update(num_steps=10_000, batch_size=200)
    return variant_of(config, variant, smoke)
