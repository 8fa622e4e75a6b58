// bindings/client.h — the client as Python sees it; see python/engineroom/_core.pyi.
#pragma once

#include <nanobind/nanobind.h>

namespace engineroom::bindings {

void bind_client(nanobind::module_& m);

}  // namespace engineroom::bindings
