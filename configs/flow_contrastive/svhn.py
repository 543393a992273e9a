"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on SVHN, 32 x 32: Glow and a ConvNet.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/svhn.py

Expected (paper): FID of the flow's samples 41.70 by maximum likelihood, 20.19 after; the energy reaches 2.15 bits/dim.
The FID is not in our tables: its number of samples and its protocol are not stated. The paper's networks and rates are
not known to us: these are ours, for a GPU, and untried.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("svhn_cropped"), variant, smoke_images)
