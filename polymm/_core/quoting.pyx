"""The base strategy for Python: prices from scalars, and whole quotes from columns of states."""

from polymm._core.layout cimport Params

from polymm._core.layout import PARAMS_FIELDS
from polymm.errors import InputError


cdef Params params_of(object params) except *:
    """Read all fields from a mapping or from an object with as_fields()."""
    names = [name for name, _ in PARAMS_FIELDS]
    fields = {name: 0.0 for name in names if name.startswith("user")}
    fields.update(params.as_fields() if hasattr(params, "as_fields") else params)
    unknown = sorted(set(fields) - set(names))
    missing = [name for name in names if name not in fields]
    wild = [name for name, value in fields.items() if not isfinite(<double>value)]
    if unknown or missing or wild:
        raise InputError(
            f"params must name every field once, finite: unknown {unknown}, missing {missing}, "
            f"not finite {wild}"
        )
    return fields
