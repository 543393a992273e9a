"""Symbol-vector coupling on eight Gaussians, as in the released toy of Pang & Wu 2021 (arXiv 2108.11556).

    python -m experiments.symbol_vector --config=configs/symbol_vector/eight_gaussians_released.py

Modes of standard deviation 1.41 at radius 11.3 (four times the usual toy), z in the plane, 8 symbols, one hidden layer
of 200 units in each net, 100 steps of the chain, mutual information 15, 25,000 iterations of 500 points. That script's
mean square over both coordinates is σ = 1. Different: 50,000 fixed points (there fresh ones); its encoder has one more
linear layer, which no activation follows, and which adds nothing to what it can represent. The released pictures are
kernel estimates of samples; here landscape.png has the density of x by quadrature, classes.png the symbols of points
and of z.
Expected: no figure published; not run at this length. eight_gaussians.py is shorter.
Cost: 25,000 iterations; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import plane, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("8gaussians_x4")
    plane(config, (200,))
    config.model.num_symbols = 8
    config.train.update(num_steps=25_000, checkpoint_every=25_000)
    return variant_of(config, variant, smoke)
