"""VERA (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on ElectricDevices (96 columns, 7 classes, of UCR).

    python -m experiments.vera --config=configs/vera/electricdevices.py --config.data.name=npz:PATH

PATH: an .npz with x_train, y_train, x_test and y_test. 10 labels a class. Settings of the digits, with wider nets.
Expected: none published. Here, seed 0: accuracy .362 ± .138 over the draws of labels, supervised .291 ± .020.
Cost: five minutes of a CPU core.
"""

from configs.common import variant_of
from configs.vera.common import smoke
from configs.vera.crop import get_config as crop


def get_config(variant=""):
    config = crop()
    config.data.name = "npz:electricdevices.npz"
    return variant_of(config, variant, smoke)
