"""Every rule on the smallest stream that shows it, beside the innocent stream that looks alike.

Facts of one message, levels and spikes, sides of quotes, other venues, related instruments, reference data, and how a model's
score and a rule's verdict meet. Streams are markets of a few venues (`tests.support.streams.Market`, `rule_streams`,
`tied_streams`); quality is asserted both before and after the lookahead where they differ.

Uses no service and no fixture but pytest's own.
"""
