"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on two spirals in the plane.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/two_spirals.py

Its law is not among the analytic targets: arms are compared by the mean log-likelihood of test points.
Expected: none published. Here, seeds 0, 1, 2: mean log-likelihood -3.87, -11.0, -14.6, its flow -3.51, -3.26, -3.29,
NCE against a Gaussian -3.15, -3.10, -3.14: the energy fails.
Cost: a minute of a CPU core.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import smoke, toy


def get_config(variant=""):
    return variant_of(toy("two_spirals"), variant, smoke)
