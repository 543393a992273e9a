"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on eight Gaussians from a spline flow.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/spline.py

The flow alone is good here, so there is little left for the energy to correct. All else is as in eight_gaussians.py.
Expected: none published. Here, seeds 0, 1, 2: KL from the true law .016, .018, .017, its flow .032, .021, .027, NCE
against a Gaussian .007, a flow by four times as many steps .012, .009, .008.
Cost: one to two minutes of a CPU core.
"""

from ml_collections import ConfigDict

from configs.common import variant_of
from configs.flow_contrastive.common import smoke, toy


def get_config(variant=""):
    config = toy("8gaussians")
    config.flow.model.flow = ConfigDict({"name": "spline_coupling", "num_layers": 4, "width": 64})
    return variant_of(config, variant, smoke)
