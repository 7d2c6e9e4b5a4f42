"""How a configured value is described: unit, range and documented default."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


@dataclass(frozen=True, slots=True)
class Grid:
    """Refuses what the integer a value becomes cannot hold, rather than round it in silence."""

    step: str

    def __call__(self, value: float) -> float:
        steps = value / float(self.step)
        # Values stay below 1e9, where a double's error in steps is far below this.
        if abs(steps - round(steps)) > 0.01:
            raise ValueError(f"must be a multiple of {self.step}")
        return value


# Amounts that become integers of 1e-6 (shares, dollars; ms as ns), and prices of 1e-4 dollars.
Micro = Annotated[float, AfterValidator(Grid("0.000001"))]
Price = Annotated[float, AfterValidator(Grid("0.0001"))]


def number(default: float, unit: str, low: float, high: float, text: str, form: str = "") -> Any:
    """Describe a number within ``low..high``, both included; ``form`` says what else it must be."""
    extra: JsonDict = {"unit": unit, "minimum": low, "maximum": high}
    if form:
        extra["form"] = form
    return Field(default, ge=low, le=high, description=text, json_schema_extra=extra)


def choice(default: str | bool, text: str, form: str = "") -> Any:
    """Describe a truth value, a text or one of several; ``form`` says what else it must be."""
    return Field(default, description=text, json_schema_extra={"form": form} if form else None)


class Section(BaseModel):
    """Frozen, strictly typed, finite; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=False,
    )
