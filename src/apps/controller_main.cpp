// apps/controller_main.cpp — engineroom-controller: the process that clients and engines connect
// to.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "base/log.h"
#include "controller/memory.h"
#include "controller/options.h"
#include "controller/server.h"
#include "transport/log_forwarder.h"

namespace {

using engineroom::controller::CommandLine;
using engineroom::controller::Instead;
using engineroom::controller::Server;

// An engine takes some eight connections, and the usual soft limit of 1,024 would stop at about a
// hundred of them.
void allow_many_connections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(CommandLine line) {
  if (!line.options.log_format.empty()) {
    ::setenv("ENGINEROOM_LOG_FORMAT", line.options.log_format.c_str(), 1);
  }
  engineroom::set_up_logging("controller", line.options.log_level);
  if (!line.options.log_url.empty()) {
    const engineroom::Status status =
        engineroom::transport::forward_logs(line.options.log_url, "controller");
    if (!status.ok()) ER_LOG_WARN("--log-url={}: {}", line.options.log_url, status.message());
  }
  for (const std::string& remark : line.options.remarks) ER_LOG_INFO("{}", remark);
  Server server(std::move(line.options));
  if (const engineroom::Status status = server.start(); !status.ok()) {
    std::fprintf(stderr, "engineroom-controller: %s\n", status.message().c_str());
    return 1;
  }
  server.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  engineroom::controller::set_up_memory();
  allow_many_connections();
  engineroom::controller::block_signals();
  auto line = engineroom::controller::read_command_line({argv + 1, argv + argc});
  if (!line.ok()) {
    std::fprintf(stderr, "engineroom-controller: %s\nTry engineroom-controller --help.\n",
                 line.status().message().c_str());
    return 2;
  }
  switch (line.value().instead) {
    case Instead::kHelp:
      std::fputs(engineroom::controller::help_text().c_str(), stdout);
      return 0;
    case Instead::kVersion:
      std::fputs(engineroom::controller::version_text().c_str(), stdout);
      return 0;
    case Instead::kNothing:
      break;
  }
  return run(line.take());
}
