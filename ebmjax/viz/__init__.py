"""Pictures of what a method did. Nothing is imported here: name the file, e.g. `from ebmjax.viz import pictures`.

pictures: grids of images as PNG (pillow). health: curves of a run's metrics (matplotlib).
"""
