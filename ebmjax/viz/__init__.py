"""Pictures of methods and runs. Nothing is imported here: import a module, e.g. `from ebmjax.viz import pictures`.

pictures: grids of images as PNG (pillow); all others are figures of matplotlib, which backend imports, made and saved
by figures.
health: curves of a run's metrics, and d_s and r_s of contrastive learning. chains: traces, ranks, ESS, autocorrelation,
densities, step sizes. landscape: an energy in the plane and its chains, and energies along paths. latent: a latent
space in the plane. classifiers: accuracies, reliability, linear probes. anomaly: precision-recall curves, and images
ranked by a score. The page of a run is made by `ebmjax.report`.
"""
