"""Schemes: ways to sign a request. One file or folder each; one never imports another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterseal.core.schemes.aws_sigv4 import AwsSigV4
from counterseal.core.schemes.base import Scheme

BUILT_IN: Final[Mapping[str, Scheme]] = MappingProxyType({scheme.name: scheme for scheme in (AwsSigV4(),)})

__all__ = ["BUILT_IN", "Scheme"]
