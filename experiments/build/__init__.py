"""From a config to what a method takes."""
