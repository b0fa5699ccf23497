"""What each code means for a person: how it came to be said, what to do next, and when it is innocent after all."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """Three sentences on one code."""

    why: str
    action: str
    innocent: str


ADVICE: dict[str, Advice] = {
    "payload_unreadable": Advice(
        "The bytes of a message could not be decoded: cut off, changed on the way, or with a checksum that does not agree.",
        "Look at the dead letter with its reason; ask the producer to send it again.",
        "The cut at the end of a capture.",
    ),
    "schema_changed": Advice(
        "A message was whole, but its columns are not the ones agreed on: one is missing, new, or of another type.",
        "Find out who released a new producer; hold consumers back until both sides agree.",
        "A version that was announced.",
    ),
    "field_missing": Advice(
        "A value that this kind of message cannot do without is null: price or size of a trade, every side of a quote, a symbol.",
        "Leave the tick out; check the mapping of the field in the feed handler.",
        "A quote with one side is not meant and not judged so.",
    ),
    "price_not_positive": Advice(
        "A price of the message is zero or less, which this instrument cannot have.",
        "Leave the tick out; check the decoder for signs and for empty sides that are sent as zero.",
        "Spreads, and power or oil in a glut: allow it per instrument in the reference data.",
    ),
    "sentinel_value": Advice(
        "The value is a placeholder of the feed (0, −1, the largest integer) that was read as a number.",
        "Leave the tick out; add the placeholder to the feed handler's list.",
        "None.",
    ),
    "off_tick_grid": Advice(
        "The price is no multiple of the instrument's tick size.",
        "Check the tick table and the decimals of the feed handler.",
        "Average prices below a tick.",
    ),
    "decimal_shift": Advice(
        "The price is away from the venue's own level by almost exactly a power of ten, and no other venue went there.",
        "Leave the tick out; check the price scale in the feed handler, first of all after a release.",
        "A split or a redenomination: put it into the reference data.",
    ),
    "unit_change": Advice(
        "Prices or sizes differ from the reference by a constant factor, and it lasts: cents for pounds, lots for shares.",
        "Stop using this source for the instrument; check the unit that it was configured with.",
        "A split.",
    ),
    "digit_error": Advice(
        "The tick does not fit what the venue and the other venues said just before and after; its digits look mistyped.",
        "Leave the tick out; compare it with the venue's own record of the trade.",
        "A real move that nobody else has followed yet.",
    ),
    "spike": Advice(
        "The price left the venue's level by far more than it usually moves, and came back, or others went on without it.",
        "Leave the tick out; if the venue does not cancel it, report it to them.",
        "A flash crash: then sizes, spreads and other venues move too.",
    ),
    "bad_run": Advice(
        "Several ticks in a row stand away from the accepted level, and no other venue stands there.",
        "Use another source for this instrument until the run ends; look for a wrong book or a stuck component.",
        "News that only this venue has traded on so far.",
    ),
    "drift": Advice(
        "Prices slide away from those of every other source.",
        "Use another source; look for a stale component in the calculation of the price.",
        "A trend that all venues share.",
    ),
    "bit_flip": Advice(
        "The value differs from what was expected by one bit, and still parses.",
        "Leave the tick out; check memory and network of the path, and switch checksums on.",
        "A large real move.",
    ),
    "field_swap": Advice(
        "The message makes sense with two of its fields exchanged: bid and ask, or price and size.",
        "Leave the tick out; check the field order in the feed handler.",
        "None.",
    ),
    "symbol_swap": Advice(
        "The price fits another symbol and not this one.",
        "Leave the tick out; check the symbol table, above all after it was reloaded.",
        "A renamed instrument.",
    ),
    "crossed": Advice(
        "One message of one venue bids more than it asks, and this venue does not do so by habit.",
        "Do not price from this quote; if it lasts, ask the venue or the aggregator.",
        "Feeds that mix several sources cross by habit; the habit is learnt.",
    ),
    "locked": Advice("Bid and ask of one message are equal.", "Nothing: it is allowed.", "Common and legal."),
    "wide_spread": Advice(
        "The spread is many times the instrument's usual one.",
        "Do not price from the middle of this quote; see whether the venue lost its market makers.",
        "Open, close, and venues where little is traded.",
    ),
    "size_outlier": Advice(
        "The size is beyond what this instrument ever shows at this time.",
        "Leave the size out of volumes; check whether lots and shares were mixed up.",
        "Auctions and blocks.",
    ),
    "outside_quotes": Advice(
        "A trade lies far outside fresh quotes of its own venue, no condition explains it, and no quote followed it.",
        "Leave the print out; see whether its condition code was lost on the way.",
        "Late and averaged prints, which carry a condition.",
    ),
    "explained_print": Advice(
        "A trade away from the market carries a sale condition that explains it: averaged, late, derived, out of sequence.",
        "Nothing: do not take it for the current price.",
        "It is innocent.",
    ),
    "cancelled": Advice("The venue took a trade back.", "Take it out of volumes and bars.", "It is innocent."),
    "corrected": Advice("The venue changed a trade.", "Replace the old one in volumes and bars.", "It is innocent."),
    "sequence_gap": Advice(
        "Numbers of the channel's own counter are missing: messages were lost.",
        "Ask for a retransmission or a snapshot; until then the books of this channel cannot be trusted.",
        "A recording that holds only a part of its channel: say so in the reference data.",
    ),
    "sequence_reset": Advice(
        "The channel's counter started again.",
        "Take a new snapshot; if no session start announced it, ask the venue.",
        "The weekly reset.",
    ),
    "duplicate": Advice(
        "A message came again with the same number or id, and the same content.",
        "Count it once; look for a producer that repeats after a reconnect.",
        "Fills of one order in one millisecond, where the feed has no ids.",
    ),
    "duplicate_changed": Advice(
        "A number or id came again with other content: one of the two is wrong.",
        "Find out which is right before either is used; ask the producer.",
        "A correction that was not marked as one.",
    ),
    "replayed_block": Advice(
        "A block of old messages was sent again, numbers and times go back.",
        "Drop what was seen before; look at the reconnect just before it.",
        "None.",
    ),
    "out_of_order": Advice(
        "A message came after a later one of its channel.",
        "If order matters to you, sort within the reorder window; see which path was slow.",
        "Two paths of different length.",
    ),
    "time_implausible": Advice(
        "The venue's time stamp lies in the future, or more than an hour back.",
        "Use the capture time for this tick; check the clock and the date of the sender.",
        "None.",
    ),
    "clock_offset": Advice(
        "Venue time and capture time differ by a constant: a time zone, daylight saving, or milliseconds read as microseconds.",
        "Correct the offset in the feed handler; do not join this feed by venue time.",
        "None.",
    ),
    "clock_drift": Advice(
        "The difference between venue time and capture time grows steadily.",
        "Check time synchronisation on both sides.",
        "A queue that builds up with right time stamps.",
    ),
    "latency_spike": Advice(
        "Messages took much longer than this channel's usual 99 %.",
        "Look at network and consumers at this time; prices were old when they came.",
        "A burst of news that queues everywhere.",
    ),
    "frozen": Advice(
        "Messages keep coming while the price does not move, though others do.",
        "Use another source; see whether a cache answers instead of the market.",
        "An instrument that is hardly traded, or a halt.",
    ),
    "silent": Advice(
        "Nothing came for several times the longest usual pause: of a symbol while its channel lived on, or of a whole channel.",
        "Check the subscription and the line; treat the last price as old.",
        "Lunch, a halt, a holiday, a scheduled break, or an instrument that is hardly traded.",
    ),
    "stale_book": Advice(
        "Quotes stand still and trades go on outside of them: messages of the book were lost.",
        "Take a new snapshot of the book.",
        "None.",
    ),
    "burst": Advice(
        "Many more messages than usual, and nothing new in them.",
        "Conflate or throttle; look for a replayed block or a component in a loop.",
        "News, where activity feeds on itself.",
    ),
    "out_of_session": Advice(
        "Ticks came while the venue is shut.",
        "Leave them out of session figures; check calendar and time zone.",
        "Extended hours.",
    ),
    "unknown_symbol": Advice("The symbol is in no reference data.", "Add it, or find out who sends it.", "A new listing."),
    "rate_shift": Advice(
        "The rate of messages has moved away from what is usual in such a market.",
        "Check subscriptions and filters that changed lately.",
        "Another market regime.",
    ),
    "mix_shift": Advice(
        "The mix of messages has moved away from what is usual in such a market.",
        "Check subscriptions and filters that changed lately.",
        "Another market regime.",
    ),
    "cross_break": Advice(
        "A relation between instruments that always holds does not hold.",
        "Find the leg that is wrong before any of them is used.",
        "A dislocation of the market.",
    ),
    "late_tick": Advice(
        "The tick came further behind its channel's event time than is waited for.",
        "Nothing, if it is rare; otherwise allow more out-of-orderness.",
        "It is information.",
    ),
    "genuine_move": Advice(
        "A large move that other sources share: it is the market, and not the feed.",
        "Keep the tick; widen your limits rather than drop data.",
        "It is genuine.",
    ),
}
"""Code -> advice; every code of the taxonomy has one."""

UNKNOWN = Advice("A code of another version.", "See that version's documentation.", "Not known.")


def advice(code: str) -> Advice:
    """Return the advice for a code; a neutral one for a code of another version."""
    return ADVICE.get(code, UNKNOWN)
