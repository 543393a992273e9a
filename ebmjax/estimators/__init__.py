"""Building blocks of methods: likelihood estimators, interpolation, decoding of sentences, a language model."""
