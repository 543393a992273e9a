"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) beside the paper's opponents on 8 x 8 digits.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_opponents.py

digits.py with the same generator and encoder also trained as a VAE, by wake-sleep, as ALI and as ALICE, as long and by
the same optimisers. Their settings are not tuned.
Expected: none published for these images (CIFAR-10, from memory: test errors .058 by wake-sleep, .037 by the VAE, .311
by ALI, .034 by ALICE, .028 by the triangle). Not measured here.
Cost: eight minutes of a CPU core, estimated.
"""

from configs.common import variant_of
from configs.divergence_triangle.common import smoke
from configs.divergence_triangle.digits import get_config as digits


def get_config(variant=""):
    config = digits()
    config.evaluate.opponents = ("wake_sleep", "ali", "alice")
    return variant_of(config, variant, smoke)
