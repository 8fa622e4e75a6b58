# cpython — all of its parts.
from cpython.mem cimport *
from cpython.object cimport *
from cpython.ref cimport *
