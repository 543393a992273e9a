"""Arguments of methods, made from a config."""
