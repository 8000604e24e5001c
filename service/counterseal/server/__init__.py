"""The service around the core: key store, cache, gRPC, command line."""
