"""Transport: the only room that knows gRPC and the generated messages."""
