"""Component identifiers (RFC 9421 section 2): what a signature covers, named exactly."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from counterseal.core import structured_fields as sf
from counterseal.core.model import Reason, Refusal

# Section 2.2, without @status, which is a response's.
DERIVED: Final = frozenset(
    {"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query", "@query-param"}
)
# Section 2.1: the lower-case form of a field name.
_FIELD: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,256}")
_REMEMBERED: Final = 64  # characters of a name
_DEMAND_REMEMBERED: Final = 128  # characters of a component as demanded
_FLAGS: Final = frozenset({"sf", "bs", "tr", "req"})
_FIELD_PARAMETERS: Final = _FLAGS | {"key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component identifier.

    `text` is as it stands in the signature base, quotes and parameters included.
    `identity` is what makes two identifiers the same: the order of parameters does not (section 2).
    """

    name: str
    parameters: sf.Parameters
    text: str
    identity: tuple[str, frozenset[tuple[str, sf.BareItem]]]

    @property
    def in_trailer(self) -> bool:
        """Whether this is a field that comes after the body (section 2.1.4)."""
        return "tr" in self.parameters

    @property
    def whole_field(self) -> bool:
        """Whether this is a field of the head, all of it."""
        return not self.name.startswith("@") and self.parameters.keys() <= {"sf", "bs"}


def read_component(item: sf.Item) -> Component:
    """Read a member of a list of covered components.

    Raises:
        Refusal: MALFORMED: no name, or parameters that it cannot have in a request; UNSUPPORTED_SCHEME: a
            component or a parameter that is not known here.
    """
    if not isinstance(item.value, str):
        raise Refusal(Reason.MALFORMED, "covered components: must be strings")
    if item.parameters or len(item.value) > _REMEMBERED:
        return _read(item.value, item.parameters)
    return _read_plain(item.value)


# Clients cover the same few components all day. Refusals are not remembered, and what is remembered is short.
@lru_cache(maxsize=1024)
def _read_plain(name: str) -> Component:
    return _read(name, {})


def _read(name: str, parameters: sf.Parameters) -> Component:
    if name in DERIVED:
        _check_derived(name, parameters)
    elif name.startswith("@"):
        # Section 2.2: @status is for responses, @signature-params is no member of its own list. Others may come to exist.
        forbidden = name in {"@status", "@signature-params"}
        raise Refusal(
            Reason.MALFORMED if forbidden else Reason.UNSUPPORTED_SCHEME,
            "covered components: one that a request cannot have" if forbidden else "covered components: one is not known",
        )
    elif _FIELD.fullmatch(name):
        _check_field(name, parameters)
    else:
        raise Refusal(Reason.MALFORMED, "covered components: a field name must be a lower-case token")
    text = sf.serialise_item(sf.Item(name, parameters)).decode("ascii")
    return Component(name=name, parameters=parameters, text=text, identity=(name, frozenset(parameters.items())))


def parse_component(text: str) -> Component:
    """Read a component identifier that a caller demands: `"content-digest"`, `"@query-param";name="a"`, or a bare name.

    For texts of callers, never for those of a request: what is remembered here is for the caller to choose.

    Raises:
        ValueError: it is none that the signature of a request could cover.
    """
    return _parse(text) if len(text) > _DEMAND_REMEMBERED else _parse_demanded(text)


@lru_cache(maxsize=1024)
def _parse_demanded(text: str) -> Component:
    return _parse(text)


def _parse(text: str) -> Component:
    try:
        plain = text.encode("ascii")
        return read_component(sf.parse_item(plain, unique=True) if plain.startswith(b'"') else sf.Item(text))
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _check_derived(name: str, parameters: sf.Parameters) -> None:
    if "req" in parameters:
        _refuse_req()
    if name != "@query-param":
        if parameters:
            raise Refusal(Reason.MALFORMED, f"component {name}: takes no parameters")
    elif parameters.keys() != {"name"} or not isinstance(parameters["name"], str):
        raise Refusal(Reason.MALFORMED, "component @query-param: needs a name, a string, and nothing else")


def _check_field(name: str, parameters: sf.Parameters) -> None:
    shown = name[:64]
    unknown = parameters.keys() - _FIELD_PARAMETERS
    if unknown:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, f"component {shown}: has a parameter that is not known")
    if any(parameters[flag] is not True for flag in parameters.keys() & _FLAGS):
        raise Refusal(Reason.MALFORMED, f"component {shown}: sf, bs, tr and req are flags without a value")
    if "req" in parameters:
        _refuse_req()
    if "key" in parameters and not isinstance(parameters["key"], str):
        raise Refusal(Reason.MALFORMED, f"component {shown}: key must be a string")
    # Section 2.1.3: binary wrapping takes the field as it is, so it goes with neither sf nor key.
    if "bs" in parameters and parameters.keys() & {"sf", "key"}:
        raise Refusal(Reason.MALFORMED, f"component {shown}: bs goes with neither sf nor key")


def _refuse_req() -> None:
    # Section 2.4: "req" names the request that a response answers.
    raise Refusal(Reason.MALFORMED, "covered components: req is for signatures of responses")
