"""Schema changes, forward only. Run by `store.schema.upgrade` at start; a released one is never edited."""
