// fuzz/wire_connection_file_fuzz.cpp — connection files and IPP_CONNECTION_INFO as anybody may have
// written them.

#include <string_view>

#include "base/fuzz_input.h"
#include "wire/connection_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engineroom::wire;
  const std::string_view json = engineroom::FuzzInput(data, size).rest();
  for (const Role role : {Role::kClient, Role::kEngine}) {
    const engineroom::Result<ConnectionInfo> info = parse_connection_info(json, role);
    if (!info.ok()) {
      FUZZ_REQUIRE(!info.status().message().empty());
      continue;
    }
    // What is accepted is written so that it means the same.
    const engineroom::Result<ConnectionInfo> again =
        parse_connection_info(to_json(info.value(), role), role);
    FUZZ_REQUIRE(again.ok());
    FUZZ_REQUIRE(to_json(again.value(), role) == to_json(info.value(), role));
    FUZZ_REQUIRE(!info.value().url(1).empty());
  }
  return 0;
}
