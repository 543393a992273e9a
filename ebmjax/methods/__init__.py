"""Learning methods: one paper, one file, one builder each."""

from ebmjax.methods.latent_ebm import latent_ebm

__all__ = ["latent_ebm"]
