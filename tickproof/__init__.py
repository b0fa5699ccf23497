"""The domain of tickproof: ticks, the steps that judge them, what they find. No I/O here but the cache of compiled kernels."""
