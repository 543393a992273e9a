"""JEM by chains from a pool (Grathwohl et al. 2020, arXiv 1912.03263) on 8 x 8 digits as vectors, 10 labels a class.

    python -m experiments.vera --config=configs/vera/jem_digits.py

The baseline of VERA by itself; configs/vera/against_jem.py trains both. Published: chains and pool.
Expected: none published for these images. Here, seed 0: accuracy .906 ± .019 over the draws of labels, which is below
the supervised net's .922 ± .021.
Cost: one minute of a CPU core beside VERA's arms, seven by itself on a busy one.
"""

from configs.common import variant_of
from configs.vera.against_jem import get_config as against_jem
from configs.vera.common import smoke


def get_config(variant=""):
    config = against_jem()
    config.method = "jem"
    config.evaluate.arms = ("supervised",)
    return variant_of(config, variant, smoke)
