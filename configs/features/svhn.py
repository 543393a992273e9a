"""Features of a flow-contrastive energy (Gao et al. 2020, arXiv 1912.00589) on SVHN, 32 x 32.

    python -m ebmjax.data.prepare svhn_cropped && python -m experiments.features --config=configs/features/svhn.py

Expected (paper): test error in per cent with 1,000, 2,000 and 4,000 labels 27.07, 24.12, 22.05 (DCGAN 38.59, 32.51,
29.37). Its networks are not known to us: these are ours, for a GPU, and untried.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import paper, variant_of
from configs.features.common import probed, smoke
from configs.flow_contrastive import svhn


def get_config(variant=""):
    config = probed(svhn.get_config(variant), (1000, 2000, 4000))
    config.evaluate.probe.num_draws = 10
    figures = {"error_1000_labels": 0.2707, "error_2000_labels": 0.2412, "error_4000_labels": 0.2205}
    paper(config, "Gao et al. 2020, table 3", protocol="its networks are not known", data=("svhn_cropped",), **figures)
    return variant_of(config, variant, smoke_images)


def smoke_images(config):
    """As many labels as there are fake images."""
    smoke(config)
    config.evaluate.probe.num_labels = (0,)
