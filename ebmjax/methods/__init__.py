"""Learning methods: one paper, one file, one builder each."""

from ebmjax.methods.abp import abp
from ebmjax.methods.ali import ali
from ebmjax.methods.anatomy import anatomy
from ebmjax.methods.classifier import classifier
from ebmjax.methods.divergence_triangle import TriangleWeights, divergence_triangle, official_weights
from ebmjax.methods.flow_backbone import flow_backbone
from ebmjax.methods.flow_contrastive import flow_contrastive
from ebmjax.methods.flow_mle import flow_mle
from ebmjax.methods.hypernetwork import direct_networks, hypernetwork
from ebmjax.methods.jem import jem
from ebmjax.methods.ladder_vae import ladder_vae
from ebmjax.methods.language_model import language_model
from ebmjax.methods.latent_ebm import latent_ebm
from ebmjax.methods.multilayer_short_run import multilayer_short_run
from ebmjax.methods.score_matching import score_matching
from ebmjax.methods.short_run import short_run
from ebmjax.methods.step_size_search import StepSizeSearch
from ebmjax.methods.symbol_vector import CouplingWeights, symbol_vector
from ebmjax.methods.text_short_run import text_short_run
from ebmjax.methods.text_vae import VAETraining, text_vae
from ebmjax.methods.tilted_flow import Backbone, backbone_of_decoder, backbone_of_flow
from ebmjax.methods.vae import vae
from ebmjax.methods.vae_latent_ebm import vae_latent_ebm
from ebmjax.methods.vera import vera
from ebmjax.methods.wake_sleep import wake_sleep

__all__ = [
    "Backbone",
    "CouplingWeights",
    "StepSizeSearch",
    "TriangleWeights",
    "VAETraining",
    "abp",
    "ali",
    "anatomy",
    "backbone_of_decoder",
    "backbone_of_flow",
    "classifier",
    "direct_networks",
    "divergence_triangle",
    "flow_backbone",
    "flow_contrastive",
    "flow_mle",
    "hypernetwork",
    "jem",
    "ladder_vae",
    "language_model",
    "latent_ebm",
    "multilayer_short_run",
    "official_weights",
    "score_matching",
    "short_run",
    "symbol_vector",
    "text_short_run",
    "text_vae",
    "vae",
    "vae_latent_ebm",
    "vera",
    "wake_sleep",
]
