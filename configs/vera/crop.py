"""VERA (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on CROP (46 columns, 24 classes, of the UCR archive).

    python -m experiments.vera --config=configs/vera/crop.py --config.data.name=npz:PATH

PATH: an .npz with x_train, y_train, x_test and y_test. 10 labels a class. Settings of the digits, with wider nets.
Expected: none published: the paper's CROP is another, of 174 columns. Here, seed 0: accuracy .442 ± .014 over the draws
of labels, supervised .454 ± .010.
Cost: five minutes of a CPU core.
"""

from configs.common import variant_of
from configs.vera.common import smoke
from configs.vera.digits import get_config as digits


def get_config(variant=""):
    config = digits()
    config.data.name = "npz:crop.npz"
    config.data.standardise = True
    config.train.num_steps = 3000
    config.model.energy.widths = config.model.generator.widths = (256, 256)
    config.evaluate.arms = ("supervised",)
    config.evaluate.picture = ()
    return variant_of(config, variant, smoke)
