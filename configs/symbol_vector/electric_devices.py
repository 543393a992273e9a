"""Symbol-vector coupling on UCR's ElectricDevices, 96 columns, 7 classes, 10 labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/electric_devices.py --config.data.name=npz:FILE

FILE as in crop.py, whose settings these are.
"""

from configs.common import variant_of
from configs.symbol_vector import crop
from configs.symbol_vector.common import smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    return variant_of(crop.get_config(), variant, smoke)
