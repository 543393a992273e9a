"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on the checkerboard in the plane.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/checkerboard.py

Its law is not among the analytic targets: arms are compared by the mean log-likelihood of test points.
Expected: none published. Here, seeds 0, 1: mean log-likelihood -4.18, -3.85, its flow -3.83, -3.84, NCE against a
Gaussian -3.77, -3.75: the game brings nothing.
Cost: five minutes of a CPU core.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import smoke, toy


def get_config(variant=""):
    return variant_of(toy("checkerboard"), variant, smoke)
