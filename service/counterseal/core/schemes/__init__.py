"""Schemes: ways to sign a request. One file or folder each; one never imports another."""
