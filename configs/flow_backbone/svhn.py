"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897) on SVHN, 32 x 32: Glow, tilted by a ConvNet.

    python -m experiments.flow_backbone --config=configs/flow_backbone/svhn.py

Expected: FID 48.01, as later papers quote it, with a backbone smaller than the published Glow. Its protocol is not
stated, so it is not in our tables; the paper's claim is mixing. The paper's widths, rates and chains are not known to
us: these are ours, for a GPU, and untried.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.flow_backbone.common import images, smoke_images


def get_config(variant=""):
    return variant_of(images("svhn_cropped"), variant, smoke_images)
