"""Modules on disk: Cython to extension modules, by any C++20 compiler.

`translation` makes C++ of a text, `toolchain` calls the compiler, `module` joins them as
`er.build`; `cythonizing` is for setuptools projects. What imports files directly is
engineroom.pyx.
"""
