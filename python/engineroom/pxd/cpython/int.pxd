# cpython.int — Python's integers, under their name of old.
from cpython.long cimport *
