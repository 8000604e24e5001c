"""Generated from protos/counterseal/v1 by `make protos`. Do not edit."""
