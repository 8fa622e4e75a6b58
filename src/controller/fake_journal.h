// controller/fake_journal.h — for tests: a journal in memory.
#pragma once

#include <string>

#include "controller/journal.h"

namespace engineroom::controller {

class FakeJournalSink : public JournalSink {
 public:
  void append(std::string_view more) override { bytes += more; }
  Result<std::string> read(const Extent& extent) const override {
    if (extent.offset + extent.size > bytes.size()) return Status(ErrorCode::kIo, "beyond the end");
    return bytes.substr(extent.offset, extent.size);
  }
  std::uint64_t size() const override { return bytes.size(); }

  std::string bytes;
};

}  // namespace engineroom::controller
