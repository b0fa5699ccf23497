"""DBN's codes: records by type, publishers as venues, trading status as canonical bits.

Sources: the DBN specification and the enumerations of the package databento-dbn (`RType`, `StatusAction`), and Databento's list
of publishers (https://databento.com/docs/api-reference-historical/metadata/metadata-list-publishers).
"""

from __future__ import annotations

from typing import Any

import databento_dbn as dbn
import numpy as np

from tickproof.ticks.schema import Condition

QUOTED: dict[int, np.dtype[Any]] = {
    int(rtype): np.dtype(message._dtypes)
    for rtype, message in (
        (dbn.RType.MBP_1, dbn.MBP1Msg),
        (dbn.RType.MBP_10, dbn.MBP10Msg),
        (dbn.RType.TBBO, dbn.MBP1Msg),
        (dbn.RType.BBO_1S, dbn.BBOMsg),
        (dbn.RType.BBO_1M, dbn.BBOMsg),
        (dbn.RType.CMBP_1, dbn.CMBP1Msg),
        (dbn.RType.TCBBO, dbn.CMBP1Msg),
        (dbn.RType.CBBO_1S, dbn.CBBOMsg),
        (dbn.RType.CBBO_1M, dbn.CBBOMsg),
    )
}
"""Record types with the best bid and ask in their first level; those with an `action` may be trades."""
SAMPLED = {int(rtype) for rtype in (dbn.RType.BBO_1S, dbn.RType.BBO_1M, dbn.RType.CBBO_1S, dbn.RType.CBBO_1M)}
"""Record types sampled at regular times: their `ts_event` is that of the last change, perhaps long ago."""
TRADES, ORDERS = int(dbn.RType.MBP_0), int(dbn.RType.MBO)
STATUS, MAPPING = int(dbn.RType.STATUS), int(dbn.RType.SYMBOL_MAPPING)
DECODED: dict[int, np.dtype[Any]] = {
    TRADES: np.dtype(dbn.TradeMsg._dtypes),
    ORDERS: np.dtype(dbn.MBOMsg._dtypes),
    STATUS: np.dtype(dbn.StatusMsg._dtypes),
    **QUOTED,
}
"""Record types that hold ticks, and their layout, the same in all versions of DBN."""
MAPPINGS: dict[int, np.dtype[Any]] = {
    message.size_hint: np.dtype(message._dtypes) for message in (dbn.SymbolMappingMsg, dbn.SymbolMappingMsgV1)
}
"""Layouts of a symbol mapping by their length in bytes."""
TYPE_NAMES: dict[int, str] = {int(rtype): rtype.name.lower() for rtype in dbn.RType.variants()}
HEADER = np.dtype(dbn.TradeMsg._dtypes[:5])
"""The header of all records; its `length` counts words of four bytes."""

STATUSES: dict[int, Condition] = {
    int(dbn.StatusAction.TRADING): Condition.RESUMED,
    int(dbn.StatusAction.HALT): Condition.HALTED,
    int(dbn.StatusAction.PAUSE): Condition.HALTED,
    int(dbn.StatusAction.SUSPEND): Condition.HALTED,
    int(dbn.StatusAction.NOT_AVAILABLE_FOR_TRADING): Condition.HALTED,
    int(dbn.StatusAction.CLOSE): Condition.SESSION_CLOSED,
    int(dbn.StatusAction.POST_CLOSE): Condition.SESSION_CLOSED,
}
"""Status action -> canonical bit; the others (pre-open, crosses, quoting, short sale restriction) are a status without one."""

_VENUES = (
    "GLBX XNAS XBOS XPSX BATS BATY EDGA EDGX XNYS XCIS XASE XCHI XCIS XCIS MEMX EPRL FINN FINC FINY AMXO XBOX XCBO EMLD EDGO "
    "GMNI XISX MCRY XMIO ARCO OPRA MPRL XNDQ XBXO C2OX XPHL BATO MXOP IEXG XCHI XCIS IEXG EPRL ARCX XNYS XNYS XNAS XNAS XCHI "
    "XCIS IEXG EPRL XNAS XNYS FINN FINY FINC IFEU NDEX DBEQ EQUS SPHR XCHI XCIS IEXG EPRL XNAS XNYS FINN FINY FINC"
)
VENUES: dict[int, str] = dict(enumerate(_VENUES.split(), 1))
"""Publisher -> venue, as of 2025; of another publisher the venue is what stands before the dot in its dataset."""
