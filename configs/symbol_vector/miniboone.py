"""Symbol-vector coupling on MiniBooNE, 10 labels a class, a table of Pang et al. 2020 (arXiv 2010.09359).

    python -m experiments.symbol_vector --config=configs/symbol_vector/miniboone.py --config.data.name=npz:FILE

FILE as in crop.py: particles (UCI) in 2 classes, for example with the 43 columns that papers on density estimation
keep. Published is the name of the data set. The paper's columns, number of labels, nets, rates and figure are not known
to us: all settings are ours, those of hepmass.py.
Expected: none that we could compare; not measured here.
Cost: 30,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import smoke
from configs.symbol_vector.hepmass import get_config as hepmass


def get_config(variant=""):
    return variant_of(hepmass(), variant, smoke)
