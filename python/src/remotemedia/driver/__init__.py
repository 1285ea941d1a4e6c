"""A Python program that runs pipelines: here, or through the engine."""
