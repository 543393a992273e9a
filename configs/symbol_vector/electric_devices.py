"""Symbol-vector coupling (Pang et al. 2020, arXiv 2010.09359) on UCR's ElectricDevices, 96 columns, 7 classes, 10
labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/electric_devices.py --config.data.name=npz:FILE

FILE and settings as in crop.py.
Expected: none published. Here, seed 0: accuracy .301 ± .036 over the draws of labels, supervised .283 ± .029.
Cost: two minutes of a CPU core.
"""

from configs.common import variant_of
from configs.symbol_vector import crop
from configs.symbol_vector.common import smoke


def get_config(variant=""):
    return variant_of(crop.get_config(), variant, smoke)
