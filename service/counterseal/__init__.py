"""Counterseal: verifies signed HTTP requests for many gateways."""

__version__ = "0.1.0"
