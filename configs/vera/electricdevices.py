"""VERA (arXiv 2010.04230) on ElectricDevices (96 columns, 7 classes, of the UCR archive).

    python -m experiments.vera --config=configs/vera/electricdevices.py --config.data.name=npz:PATH

PATH: an .npz with x_train, y_train, x_test and y_test. 10 labels a class. Settings of the digits, with wider nets.
"""

from configs.common import variant_of
from configs.vera.crop import get_config as crop
from configs.vera.crop import smoke_table


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = crop()
    config.data.name = "npz:electricdevices.npz"
    return variant_of(config, variant, smoke_table)
