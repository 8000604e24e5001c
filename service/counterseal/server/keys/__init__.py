"""From a key id to an opened key: cache, single flight, store, cipher."""
