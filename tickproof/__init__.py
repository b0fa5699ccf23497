"""The domain of tickproof: ticks, the steps that judge them, what they find. No I/O here but the cache of compiled kernels."""

from tickproof import numba_cache as compiled

compiled.use_cache()
