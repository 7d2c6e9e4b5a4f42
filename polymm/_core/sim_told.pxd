# What a run noted, as Python takes it away.
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memcpy

from polymm._core.sim_state cimport Notes, Store


cdef inline const Store* noted(const Notes* notes, str name) except NULL:
    """Give the store of a name of NOTES."""
    if name == "fills":
        return &notes.fills
    if name == "marks":
        return &notes.marks
    if name == "quotes":
        return &notes.quotes
    if name == "holdings":
        return &notes.holdings
    if name == "merges":
        return &notes.merges
    if name == "ranks":
        return &notes.ranks
    if name == "actions":
        return &notes.actions
    raise ValueError(f"nothing is noted as {name!r}")


cdef inline object column(const Store* store, object fields):
    """Give what was noted: (n,) with these fields of 8 bytes, those named fair of float64."""
    import numpy as np

    cdef uint8_t[::1] raw
    dtype = np.dtype([(field, "f8" if field == "fair" else "i8") for field in fields])
    if dtype.itemsize != store.width:
        raise ValueError(f"{fields} must be {store.width} bytes wide, were {dtype.itemsize}")
    found = np.empty(store.n, dtype=dtype)
    if store.n:
        raw = found.view(np.uint8)
        memcpy(&raw[0], store.items, store.n * store.width)
    return found


cdef inline object names_of(uint64_t why, object whys):
    """Join the names of a reason; "on_the_way" where nothing stands against quoting."""
    return "+".join([name for i, name in enumerate(whys) if why >> i & 1]) or "on_the_way"


cdef inline object counted(const int64_t* numbers, object names):
    """Give what was counted at least once, in order of the names."""
    cdef Py_ssize_t i
    found = {names[i]: numbers[i] for i in range(len(names)) if numbers[i]}
    return dict(sorted(found.items()))
