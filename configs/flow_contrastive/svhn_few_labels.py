"""Semi-supervised flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on SVHN, 100 labels a class.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/svhn_few_labels.py

The paper's 1,000 labels; 500 are --config.labels.per_class=50. The flow is that of svhn.py. The networks are our own:
the paper's classifiers are not known to us, and the row with virtual adversarial training is not here.
Expected (paper, from memory, so in no table): errors of 7.05 % with 500 and 6.35 % with 1,000 labels, by
virtual adversarial training and a larger network 4.47 % and 3.87 %. Not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import images, smoke_images


def get_config(variant=""):
    config = images("svhn_cropped")
    config.labels.update(per_class=100, weight=1.0)
    return variant_of(config, variant, smoke)


def smoke(config):
    """The images' smoke variant, which has few examples of each class."""
    smoke_images(config)
    config.labels.per_class = 2
