"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897) on SVHN, 32 x 32: Glow, tilted by a ConvNet.

    python -m experiments.flow_backbone --config=configs/flow_backbone/svhn.py

Reported, as tables of later papers quote it: FID 48.01, with a backbone smaller than Glow's own; the
claim is mixing. Widths, rates and chains of the paper are not known to us: these are ours, for a GPU, and untrained.
"""

from configs.common import variant_of
from configs.flow_backbone.common import images, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on small fake images)."""
    return variant_of(images("svhn_cropped"), variant, smoke_images)
