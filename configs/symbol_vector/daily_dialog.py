"""Symbol-vector coupling on the utterances of DailyDialog: 125 symbols without labels, as in the released code of Pang
& Wu 2021 (arXiv 2108.11556).

    python -m experiments.symbol_vector --config=configs/symbol_vector/daily_dialog.py --config.data.name=lines:FILE

FILE: one utterance a line. Settings of the released unconditional model: LSTMs (the decoder's of 512 units, the
encoder's of 1,024 in each direction), latent size 32, 40 steps of .5, mutual information 50, one free nat a dimension,
cycles of the KL's weight up to .5 over 87,150 steps of 30 utterances, where its schedule ends, a clip of 5 for decoder
and encoder together, weight decay 1e-3 of the energy, dropout .2, a softmax that is not tied. Different: there the
encoder gets no gradient of E_q[E(z)], and its two directions are both read at the last word; the decoder's first hidden
state and cell have a layer each. An utterance is not conditioned on the dialogue before it. The paper compares symbols
with the dialogues' acts and emotions, which need the labels of that corpus: not computed.
Expected: none that we could compare; not measured here.
Cost: 87,150 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import symbol_vector, text
from configs.symbol_vector.sequence import smoke
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = symbol_vector("lines:FILE")
    text(config, decoder("lstm", 512, 0.2) | {"tied": False})
    config.model.update(num_symbols=125, latent_dim=32, joint_clip_norm=5.0)
    config.model.encoder.hidden_dim = 1024
    config.optimizer.energy.weight_decay = 1e-3
    config.train.update(num_steps=87_150, log_every=100, checkpoint_every=8715)
    config.evaluate.update(max_examples=3000, num_samples=500)
    return variant_of(config, variant, smoke)
