"""Principals that sign in, their sessions, and the keys of those: what SessionService and PrincipalService do."""
