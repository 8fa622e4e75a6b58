// fuzz/journal_fuzz.cpp — whatever a file holds that is called a journal: it is refused, or read
// and written again with nothing lost.

#include "base/fuzz_input.h"
#include "controller/fake_journal.h"
#include "controller/journal.h"

namespace engineroom::controller {
namespace {

void read(std::string file) {
  FakeJournalSink sink;
  sink.bytes = std::move(file);
  auto journal = Journal::read(sink.bytes, sink);
  if (!journal.ok()) return;
  journal.value().sanity_check();
  FakeJournalSink copy;
  FUZZ_REQUIRE(journal.value().rewrite(copy).ok());
  journal.value().sanity_check();
  const auto again = Journal::read(copy.bytes, copy);
  FUZZ_REQUIRE(again.ok());
  FUZZ_REQUIRE(again.value().open_count() == journal.value().open_count());
  FUZZ_REQUIRE(again.value().kept_count() == journal.value().kept_count());
  FUZZ_REQUIRE(again.value().outcomes().size() == journal.value().outcomes().size());
}

// Records that a checksum makes good, with fields from small pools.
std::string some_records(FuzzInput input) {
  static constexpr const char* kNames[] = {"a", "b", "c", ""};
  std::string file(kJournalMagic);
  append_record(file, {.kind = RecordKind::kStart, .key = "journal"});
  while (!input.empty()) {
    JournalRecord record;
    record.kind = static_cast<RecordKind>(1 + input.byte() % 12);
    record.channel = static_cast<std::uint8_t>(input.byte() % 16);
    record.flag = input.byte() % 2 == 0;
    record.engine = static_cast<std::int32_t>(input.byte() % 5) - 1;
    record.number = static_cast<std::int64_t>(input.byte());
    record.time = static_cast<std::int64_t>(input.byte()) << 17;
    record.key = kNames[input.byte() % 4];
    for (unsigned n = input.byte() % 3; n > 0; --n) {
      record.frames.push_back(Bytes::of_static(kNames[input.byte() % 4]));
    }
    append_record(file, record);
  }
  return file;
}

}  // namespace
}  // namespace engineroom::controller

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const engineroom::FuzzInput input(data, size);
  engineroom::controller::read(std::string(input.rest()));
  engineroom::controller::read(engineroom::controller::some_records(input));
  return 0;
}
