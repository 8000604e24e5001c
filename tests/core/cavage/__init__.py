"""draft-cavage signatures and their dialects."""
