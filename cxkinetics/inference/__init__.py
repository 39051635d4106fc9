"""Statistics that every room uses: correlated noise, batched descent, an ensemble sampler."""
