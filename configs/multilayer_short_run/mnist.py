"""Multi-layer short-run inference (Nijkamp et al. 2020, arXiv 1912.01909) on MNIST, 28 x 28, beside VAEs.

    python -m experiments.multilayer_short_run --config=configs/multilayer_short_run/mnist.py

The paper's settings for MNIST are not released. This is small enough for a CPU: three layers of perceptrons, and the
VAE and the ladder VAE of the same generator. --config.model.generator.name=conv is the convolutional one. "python -m
ebmjax.data.prepare mnist" loads the data. Inpainting hides half of the pixels, drawn for each image.
Expected: none published by this protocol. Here, seeds 0, 1, 2: reconstruction_mse .066, .064, .064 (one sample), of the
VAE .081, .074, .071, the ladder VAE .073, .069, .071 (their means), PCA .043; frechet_features 147, 137, 142, VAE 412,
394, 298, ladder VAE 193, 310, 182: 1,000 iterations are few.
Cost: three minutes of a CPU core.
"""

from configs.common import variant_of
from configs.multilayer_short_run.common import multilayer_short_run, smoke_images


def get_config(variant=""):
    config = multilayer_short_run("mnist")
    config.model.latent_dims = (32, 16, 8)
    config.model.generator.update(widths=(128,), features=16, map_size=7)
    config.vae.encoder.widths = (128,)
    config.search.update(every=50, grid=(), num_examples=4, num_chains=64)
    config.optimizer.log_step_size.update(learning_rate=0.2, schedule="cosine")
    config.optimizer.generator.update(learning_rate=1e-3, b1=0.9, schedule="cosine")
    config.vae.optimizer.update(learning_rate=1e-3, schedule="cosine", clip_norm=100.0)
    config.train.update(num_steps=1000, steps_per_dispatch=50, log_every=50, checkpoint_every=500)
    config.evaluate.update(max_examples=2000, inpainting_samples=5, step_sizes=())
    config.evaluate.update(vae_baseline=True, ladder_vae_baseline=True)
    config.evaluate.hidden.update(name="pixels", fraction=0.5)
    return variant_of(config, variant, smoke_images)
