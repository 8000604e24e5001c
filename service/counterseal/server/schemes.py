"""Which ways of signing this server knows, and which of them are enabled.

Three sources, in this order: built in, configured (`[[schemes]]` in the TOML file), and installed plug-ins, which are entry
points of the group `counterseal.schemes`. A plug-in is imported only when `COUNTERSEAL_SCHEMES` names it: what is merely
installed does not run. No name has two meanings: a configured scheme or an enabled plug-in never takes another's place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from counterseal.core.buckets import BucketHosts
from counterseal.core.model import KeyKind
from counterseal.core.schemes import BUILT_IN, aws_sigv2, aws_sigv4, cavage, oss4, webhooks
from counterseal.core.schemes.base import Scheme
from counterseal.core.sigv4 import custom
from counterseal.server.errors import ConfigError
from counterseal.server.settings.schemes import SchemeSetting

GROUP: Final = "counterseal.schemes"
_SETTING: Final = "COUNTERSEAL_SCHEMES"
# A kind of configured scheme: what makes one of a name and options, and raises ValueError naming the option.
Make = Callable[[str, Mapping[str, object]], Scheme]
KINDS: Final[Mapping[str, Make]] = {
    "cavage": cavage.from_options,
    "oss4": oss4.from_options,
    "sigv4-family": custom.from_options,
    webhooks.KIND: webhooks.from_options,
}
# Built-in schemes that take options: a table of this kind, and of this name, is the scheme with these options.
TUNED: Final[Mapping[str, Make]] = {
    "aws-sigv2": aws_sigv2.from_options,
    "aws-sigv4": lambda _, options: aws_sigv4.AwsSigV4(_bucket_hosts(options)),
}
_FLAGS: Final = ("timeless", "names_key", "reads_forms")
_STEPS: Final = (
    *("recognises", "read", "read_string_to_sign", "check_coverage", "matches", "payload_duty", "verified_path"),
    *("derive", "sign"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemes:
    """Schemes by name: `known` are all that are at hand, `enabled` those of them that verify."""

    known: Mapping[str, Scheme]
    enabled: Mapping[str, Scheme]

    def weak(self) -> Mapping[str, str]:
        """Return the enabled schemes that have a known weakness, with what it is."""
        return {name: weakness for name, scheme in self.enabled.items() if (weakness := weakness_of(scheme))}


def weakness_of(scheme: Scheme) -> str:
    """Return what is known to be weak about a scheme, in a sentence; empty for most."""
    return str(getattr(scheme, "weakness", ""))


def find_schemes(names: Sequence[str], configured: Sequence[SchemeSetting]) -> Schemes:
    """Build the configured schemes, and find those that `names` enables.

    Raises:
        ConfigError: a name has no scheme or more than one, a configured scheme cannot be built, or a plug-in is none.
    """
    known = dict(BUILT_IN)
    for setting in configured:
        if setting.name in BUILT_IN and setting.name != setting.kind:
            raise ConfigError(f"schemes: {setting.name}: the name is taken by a built-in scheme")
        known[setting.name] = _build(setting)
    offered = entry_points(group=GROUP)
    for name in names:
        plugged = [entry for entry in offered if entry.name == name]
        if len(plugged) + (name in known) > 1:
            raise ConfigError(f"{_SETTING}: {name}: offered more than once; remove the packages that should not offer it")
        if plugged:
            known[name] = _load(plugged[0])
        if name not in known:
            raise ConfigError(f"{_SETTING}: {name}: there is no such scheme; known: {_listed(known, offered)}")
    ordered = {name: known[name] for name in sorted(known)}
    return Schemes(known=ordered, enabled={name: known[name] for name in names})


def _listed(known: Mapping[str, Scheme], offered: Sequence[EntryPoint]) -> str:
    return ", ".join(sorted({*known, *(entry.name for entry in offered)}))


def _build(setting: SchemeSetting) -> Scheme:
    make = KINDS.get(setting.kind) or (TUNED.get(setting.kind) if setting.kind == setting.name else None)
    if make is None:
        raise ConfigError(
            f"schemes: {setting.name}: kind must be one of {', '.join(sorted(KINDS))}; "
            f"or {', '.join(sorted(TUNED))}, with the same name"
        )
    try:
        return make(setting.name, setting.options)
    except ValueError as error:
        raise ConfigError(f"schemes: {setting.name}: {error}") from None


def _bucket_hosts(options: Mapping[str, object]) -> BucketHosts:
    """Read `base_domains` and `bucket_hosts`. Raises ValueError, naming the option."""
    hosts: dict[str, tuple[str, ...]] = {"base_domains": (), "bucket_hosts": ()}
    for name, value in options.items():
        if name not in hosts:
            raise ValueError(f"option {name[:64]}: not known to this scheme, which has: {', '.join(hosts)}")
        if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
            raise ValueError(f"option {name}: must be a list of host names")
        hosts[name] = tuple(value)
    return BucketHosts(base_domains=hosts["base_domains"], bucket_hosts=hosts["bucket_hosts"])


def _load(entry: EntryPoint) -> Scheme:
    """Import a plug-in: an object that is a scheme, or something that returns one when it is called without arguments."""
    where = f"{_SETTING}: {entry.name}: the plug-in {entry.value}"
    try:
        found = entry.load()
        scheme = found() if isinstance(found, type) or not hasattr(found, "recognises") else found
    except Exception as error:  # whatever a stranger's module raises; its text could hold anything
        raise ConfigError(f"{where} cannot be loaded ({type(error).__name__})") from error
    _check_shape(where, scheme, entry.name)
    made: Scheme = scheme
    return made


def _check_shape(where: str, scheme: object, name: str) -> None:
    if getattr(scheme, "name", None) != name:
        raise ConfigError(f"{where} is not a scheme of that name")
    missing = [step for step in _STEPS if not callable(getattr(scheme, step, None))]
    if missing:
        raise ConfigError(f"{where} is no scheme: it lacks {', '.join(missing)}")
    kinds = getattr(scheme, "key_kinds", None)
    if not isinstance(kinds, frozenset) or not kinds or not all(isinstance(kind, KeyKind) for kind in kinds):
        raise ConfigError(f"{where} is no scheme: key_kinds must be a frozenset of KeyKind, not empty")
    if not isinstance(getattr(scheme, "title", None), str):
        raise ConfigError(f"{where} is no scheme: title must be text")
    if not all(isinstance(getattr(scheme, flag, None), bool) for flag in _FLAGS):
        raise ConfigError(f"{where} is no scheme: {', '.join(_FLAGS)} must be true or false")
