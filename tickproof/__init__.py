"""The domain of tickproof: ticks, the steps that judge them, and what they find. No I/O here."""
