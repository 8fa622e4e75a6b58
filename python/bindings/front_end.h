// bindings/front_end.h — the part of engineroom._compiler that reads Cython.
#pragma once

#include <nanobind/nanobind.h>

namespace engineroom::bindings {

void bind_front_end(nanobind::module_& m);

}  // namespace engineroom::bindings
