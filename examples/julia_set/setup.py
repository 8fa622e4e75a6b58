"""Builds julia.pyx as a module of its own: python setup.py build_ext --inplace"""

from engineroom import cythonize
from setuptools import setup

setup(name="julia", ext_modules=cythonize("julia.pyx"))
