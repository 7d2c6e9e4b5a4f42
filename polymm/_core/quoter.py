"""Strategies that users write in Python, compiled once to a C function by Numba.

The live lanes and the backtest call that function by its address, in place of the base strategy.
Numba is imported when a quoter is compiled and nowhere else in polymm.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from polymm._core import layout
from polymm.errors import QuoterError

PARAMETERS = ("state", "params", "quote")


class Quoter:
    """A compiled quoter; keep it, or give it to a Lane as ``quoter_address``, which keeps it.

    Attributes:
        name: The Python function's name.
        address: Address of ``int64_t (*)(const State*, const Params*, Quote*)``. It answers 1 when
            it filled in the quote and 0 when the Python function raised.
    """

    __slots__ = ("_compiled", "address", "name")

    def __init__(self, name: str, compiled: object, address: int) -> None:
        self.name = name
        self.address = address
        self._compiled = compiled  # owns the machine code at `address`

    def __index__(self) -> int:
        return self.address

    def __repr__(self) -> str:
        return f"Quoter({self.name!r}, address={self.address:#x})"


def compile_quoter(function: Callable[..., None]) -> Quoter:
    """Compile a strategy; takes a second or two, so do it at start-up.

    Args:
        function: ``function(state, params, quote)`` in what Numba understands: it reads the
            attributes of ``state`` and ``params`` (layout.STATE_FIELDS and PARAMS_FIELDS, units in
            the names) and sets those of ``quote`` (layout.QUOTE_FIELDS). The quote comes cleared:
            sizes 0, ``bid``, ``ask`` and ``skew`` NaN. A side whose ``bid`` or ``ask`` is left NaN
            is no opinion and no order; so is a price that is off the tick or would cross the book.
            It keeps no state between calls and allocates nothing. Where it raises, or asks for
            more than 1e8 shares, there is no quote and the reason is ``quoter_failed``. Other
            functions it calls are compiled with it when they carry ``numba.njit``.

    Returns:
        The compiled quoter, for ``Lane(..., quoter_address=quoter)``.

    Raises:
        QuoterError: It is not a function of ``(state, params, quote)``, or Numba cannot compile
            it; the message carries Numba's reason.
    """
    name = getattr(function, "__name__", repr(function))
    if not inspect.isfunction(function) or tuple(inspect.signature(function).parameters) != (
        PARAMETERS
    ):
        raise QuoterError(f"a quoter must be a function of (state, params, quote), was {name}")
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise QuoterError(f"a quoter must be a plain function, {name} is a generator or async")

    import numba
    from numba.core.errors import NumbaError
    from numba.np.numpy_support import carray, from_dtype

    # Division by zero gives infinity as in C instead of raising; no fastmath: the same bytes must
    # give the same quote in the compiled core and here.
    inner = numba.njit(error_model="numpy", fastmath=False)(function)
    pointer: Any = numba.types.CPointer
    records = (layout.STATE, layout.PARAMS, layout.QUOTE)
    signature = numba.int64(*(pointer(from_dtype(record)) for record in records))

    def quoter(state: Any, params: Any, quote: Any) -> int:
        try:
            inner(carray(state, 1)[0], carray(params, 1)[0], carray(quote, 1)[0])
        except Exception:  # noqa: BLE001  told by the answer; Numba would fill stderr with it
            return 0
        return 1

    # Numba's own errors are not all it lets out: an unknown field of a record is a KeyError.
    leaks = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
    try:
        compiled = numba.cfunc(signature, error_model="numpy")(quoter)
    except (NumbaError, NotImplementedError, *leaks) as error:
        reason = f"{type(error).__name__}: {error}"
        raise QuoterError(f"quoter {name} does not compile: {reason}") from error
    assert compiled.address is not None
    return Quoter(name, compiled, compiled.address)
