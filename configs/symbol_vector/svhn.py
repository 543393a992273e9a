"""Symbol-vector coupling on SVHN, 1,000 labels: the experiment of Pang et al. 2020 (arXiv 2010.09359).

    python -m experiments.symbol_vector --config=configs/symbol_vector/svhn.py

The code for images was not released. Known are the generator of the latent EBM's paper, a wide residual net 28-3 that
infers z, and the script for bags of words, from which come the chain, the energy's width, the rates, and the weights of
labels (200) and mutual information (100). Not known is whether the squared error had the 1 / (2 · .3²) that
p(x | z) = N(g(z), .3²) asks for, and that it has here. The released script, in which the residual net and a σ of .3 are
left over from images, takes the plain sum of squares: svhn_leftover.py. The residual net has no dropout and no batch
normalisation here (.3, and before every activation, there).
Expected (paper): about 92 %, with other nets; not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import images, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("svhn_cropped")
    images(config, "svhn", 64)
    config.labels.per_class = 100
    config.model.encoder.name = "wide_resnet"
    config.train.batch_size = 100
    return variant_of(config, variant, smoke_images)


def smoke_images(config):
    """`smoke` on fake images."""
    smoke(config)
    config.data.name = "fake:32x32x3"
