"""The shield measured: hits beside a plain file, beside other caches, crowds at a cold object, a million objects."""
