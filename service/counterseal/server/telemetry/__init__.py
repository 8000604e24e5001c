"""What operators see: logs and metrics. Never a secret, a derived key, an expected signature or a security token."""
