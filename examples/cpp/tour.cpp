// examples/cpp/tour.cpp — a cluster from C++: start it, run Python on it, map a function, collect
// futures.
//
//   build/release/examples/tour        # wants engineroom-controller and a python with engineroom
//   in $PATH
#include <cstdio>
#include <vector>

#include "engineroom/client.h"
#include "engineroom/cluster.h"

using engineroom::Client;
using engineroom::Cluster;
using engineroom::Future;
using engineroom::Value;

namespace {

int fail(const char* what, const engineroom::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.to_string().c_str());
  return 1;
}

}  // namespace

int main() {
  engineroom::Result<Cluster> cluster = Cluster::start({.engines = 2});
  if (!cluster.ok()) return fail("start", cluster.status());
  engineroom::Result<Client> connected = cluster.value().connect();
  if (!connected.ok()) return fail("connect", connected.status());
  Client& client = connected.value();
  std::printf("%zu engines\n", client.ids().size());

  // Python source, on every engine.
  const auto outputs = client.execute("import os; print('hello from', os.getpid())").get();
  if (!outputs.ok()) return fail("execute", outputs.status());
  for (const engineroom::ExecuteResult& output : outputs.value()) {
    std::printf("[%d] %s", output.engine, output.out.c_str());
  }

  // A function named by module and attribute, over values, on whichever engine is free.
  Value::List squares;
  for (int i = 0; i < 10; ++i) squares.emplace_back(i * i);
  const auto roots = client.map("math", "sqrt", squares).get();
  if (!roots.ok()) return fail("map", roots.status());
  for (const Value& root : roots.value()) std::printf("%g ", root.as_double());
  std::printf("\n");

  // Several calls at once, collected as they are asked for.
  std::vector<Future<Value>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(client.call("math", "factorial", {10 + i}));
  for (const Future<Value>& future : futures) {
    const auto value = future.get();
    if (!value.ok()) return fail("call", value.status());
    std::printf("%lld\n", static_cast<long long>(value.value().as_int()));
  }

  // An exception on an engine is a status here.
  const auto wrong = client.call("math", "sqrt", {-1}).get();
  std::printf("sqrt(-1): %s\n", wrong.ok() ? "a result?" : wrong.status().to_string().c_str());

  const engineroom::Status stopped = cluster.value().stop();
  return stopped.ok() ? 0 : fail("stop", stopped);
}
