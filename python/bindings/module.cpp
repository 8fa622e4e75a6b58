// bindings/module.cpp — engineroom._core: the native core as one extension module, a file per part.
#include <nanobind/nanobind.h>

#include "bindings/buffers.h"
#include "bindings/client.h"
#include "bindings/engine.h"
#include "engineroom/version.h"

NB_MODULE(_core, m) {
  m.doc() = "The native core of engineroom. Internal: the package is the interface.";
  m.attr("__version__") = ENGINEROOM_VERSION;
  // At a prompt that ends, threads in a wait still hold their sessions: no leak to tell a user of.
  nanobind::set_leak_warnings(false);
  engineroom::bindings::bind_buffers(m);
  engineroom::bindings::bind_client(m);
  engineroom::bindings::bind_engine(m);
}
