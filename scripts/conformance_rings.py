"""Cython's tests in rings, the basic ones first, and by topic; for conformance.py.

A ring's files have with them how many examples pass with Cython 3.3 itself on CPython 3.11, built
by gcc. A file is named as in tests/run, or with its folder.
"""

from __future__ import annotations

import re
from pathlib import Path

RINGS: dict[str, dict[str, int]] = {
    "ring 1, basics: typed loops, numbers, containers, plain functions": {
        "addloop": 6, "forfrom": 2, "control_flow_loop": 17, "ifelseexpr_T267": 9,
        "if_and_or": 28, "and": 21, "boolop": 7, "cascmp": 20, "isnot": 15, "boolean_context": 2,
        "bint": 12, "addop": 58, "subop": 68, "mulop": 112, "modop": 109, "cintop": 13,
        "float_division": 84, "float_floor_division_T260": 4, "builtin_range": 9,
        "builtin_len": 32, "builtin_functions": 23, "contains_T455": 26, "flatin": 10,
        "dict_get": 35, "multass": 4, "tuplereassign": 4, "slice3": 5, "kwonlyargs": 47,
        "libc_math": 10, "for_in_range_T372": 8,
    },
    "ring 2, C: cdef functions and classes, pointers, structs, fused, nogil, memoryviews, prange": {
        "cfuncdef": 1, "inline": 1, "cpdef_optargs": 19, "cfuncptr": 9, "carrays": 6,
        "arrayassign": 39, "carray_coercion": 53, "cstruct": 7, "cunion": 25, "typed_slice": 130,
        "cpow": 36, "exceptionpropagation": 30, "nogil": 15, "nogil_conditional": 14,
        "extmember": 10, "extinherit": 2, "exttype": 19, "extgetitem": 32,
        "cdef_members_T517": 34, "static_methods": 8, "cpdef_method_override": 29,
        "fused_cpdef": 15, "fused_types": 72, "memoryview/memoryview_pep484_typing": 18,
        "memoryview/memslice": 298, "memoryview/numpy_memoryview": 55, "buffers/bufaccess": 204,
        "numpy_test": 159, "sequential_parallel": 48, "parallel": 57,
    },
    "ring 3, Python: generators, closures, exceptions, classes, calls": {
        "generators": 143, "generators_py": 84, "generators_pep479": 30,
        "generator_expressions_nested": 14, "yield_from_pep380": 46, "closure_tests_1": 24,
        "closure_self": 8, "closures_T82": 23, "nonlocal_T490": 26, "lambda_tests": 53,
        "dictcomp": 8, "listcomp": 26, "inlined_generator_expressions": 34, "tryexcept": 90,
        "tryfinally": 62, "tryfinallychaining": 3, "reraise": 3, "funcexceptchained": 11,
        "withstat_py": 17, "withstat": 15, "decorators_T593": 15, "metaclass": 28,
        "py3k_super": 53, "pep448_extended_unpacking": 189, "pep448_test_extcall": 55,
        "posonly": 125, "fstring": 152, "extra_walrus": 68, "extra_patma_py": 76,
        "async_iter_pep492": 29,
    },
    "ring 4, the rest: C++, complex, special methods, pickling, dataclasses": {
        "cpp_classes": 20, "cpp_templates": 18, "cpp_stl_vector": 27, "cpp_stl_conversion": 60,
        "cpp_exceptions": 29, "cpp_operators": 10, "cpp_iterators": 23, "cpp_smart_ptr": 7,
        "cpp_locals_directive": 32, "complex_numbers_cpp": 88, "complex_numbers_T305": 49,
        "ufunc": 60, "int128": 70, "exttype_freelist": 271, "exttype_total_ordering": 56,
        "special_methods_T561": 333, "test_dataclasses": 67, "reduce_pickle": 64, "cyclic_gc": 58,
        "cyfunction": 166, "embedsignatures": 94, "annotation_typing": 82, "pure_py": 67,
        "cpp_stl_string": 68, "critical_sections": 7, "pymutex": 59, "test_asyncgen": 61,
        "test_patma": 325, "test_except_star": 59, "test_unicode": 114,
    },
}  # fmt: skip

# A file belongs to every topic whose pattern is found in it.
TOPICS = {
    "cdef classes": r"""^\s*cdef\s+(?:\w+\s+)*class\b""",
    "cdef and cpdef functions": r"""^\s*c(?:p)?def\s+(?!class|extern|struct|enum|union)[^=\n]*\(""",
    "pointers": r"""\w\s*\*\s*\w+\s*[=,)\n]|<[\w ]+\*+>|&\w""",
    "struct, union, enum, ctypedef": r"""^\s*(?:cdef|cpdef)\s+(?:packed\s+)?(?:struct|union|enum)|^\s*ctypedef""",
    "extern": r"""cdef\s+(?:public\s+)?extern""",
    "C++": r"""^#\s*tag:.*\bcpp|libcpp|cppclass""",
    "closures and lambda": r"""\blambda\b|^\s+def .*\n(?:.*\n)*?^\s{8,}def """,
    "generators": r"""\byield\b""",
    "async": r"""\basync\b|\bawait\b""",
    "try and raise": r"""^\s*(?:try:|raise\b)""",
    "with": r"""^\s*with\b""",
    "Python classes": r"""^\s*class\s""",
    "comprehensions": r"""[\[{(][^\n]*\bfor\b[^\n]*\bin\b""",
    "f-strings": r"""\b[fF][\"']""",
    "match": r"""^\s*match\s.*:\s*$""",
    "complex": r"""\bcomplex\b""",
    "fused types": r"""\bfused\b""",
    "memoryviews": r"""\w\[(?::|::1)[^\]\n]*\]\s*\w""",
    "numpy and buffers": r"""\bndarray\b|\bobject\[""",
    "nogil and gil": r"""\bnogil\b|\bwith gil\b""",
    "prange and parallel": r"""\bprange\b|\bparallel\b""",
}


def topics_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    found = [name for name, pattern in TOPICS.items() if re.search(pattern, text, re.MULTILINE)]
    if path.suffix == ".py":
        found.append("pure Python files")
    return found
