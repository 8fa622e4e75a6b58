// bindings/engine.h — the engine as Python sees it; see python/engineroom/_core.pyi.
#pragma once

#include <nanobind/nanobind.h>

namespace engineroom::bindings {

void bind_engine(nanobind::module_& m);

}  // namespace engineroom::bindings
