"""Text short-run inference on short reviews with the settings of the released code (Pang et al. 2021, arXiv
2106.02513).

    python -m experiments.text_short_run --config=configs/text_short_run/yelp_released.py \\
        --config.data.name=lines:FILE --workdir=runs/yelp
    python -m experiments.text_classification --config.workdir=runs/yelp --config.dropout=True

FILE: lines `label TAB sentence`, short_yelp.train.txt with the test part beside it (Shen et al. 2017; 100,000 training
sentences). LSTM 512 wide, embeddings of 128, 40 steps of .4 without noise, 12 epochs; the prior's weight in the energy
that the chain descends rises from .1 by 1/6 an epoch to 1. The chain of training, and the features that are classified,
have the decoder's dropout: here one draw of it a chain, there one a step. Also different: batches mix lengths.
Expected: none published for the model itself; its accuracies are in configs/text_classification/yelp.py.
Cost: 37,500 steps; for a GPU, never run at full length here.
"""

from configs.common import variant_of
from configs.text_short_run.common import full_size, smoke, text_short_run


def get_config(variant=""):
    config = text_short_run("lines:data/short_yelp.train.txt", 0.4)
    full_size(config, 128, 512, 12, 3125)
    config.data.vocabulary_size = 8411
    config.sampler.posterior.num_steps = 40
    config.sampler.noise_scale.update(start=0.0, end=0.0)
    config.sampler.update(prior_warmup_epochs=6.0, chain_dropout=True)
    config.evaluate.vaes = ()
    return variant_of(config, variant, smoke)
