"""The SQL key store: tables, queries, migrations."""
