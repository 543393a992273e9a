"""Pictures of what a method did. Nothing is imported here: name the file, e.g. `from ebmjax.viz import pictures`.

pictures: grids of images as PNG (pillow). health: curves of a run's metrics (matplotlib).
landscape: an energy of the plane and its chains. learning: d_s and r_s of contrastive learning.
report: a work directory as one page, report.html, made of page, curves, gallery and workdir.
"""
