"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on CelebA, 32 x 32: Glow and a ConvNet.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/celeba32.py

Expected (paper): FID of the flow's samples 23.32 by maximum likelihood, 12.21 after. Not in our tables: its number of
samples and its protocol are not stated. The paper's networks and rates are not known to us: these are ours, for a GPU,
and untried.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("celeb_a@32"), variant, smoke_images)
