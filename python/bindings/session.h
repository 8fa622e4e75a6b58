// bindings/session.h — the part of engineroom._compiler that reads Cython.
#pragma once

#include <nanobind/nanobind.h>

#include "jit/job.h"

namespace engineroom::bindings {

// Where the time went, by stage, in milliseconds.
nanobind::dict timings_ms(const jit::CompileReport& report);

void bind_session(nanobind::module_& m);

}  // namespace engineroom::bindings
