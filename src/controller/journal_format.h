// controller/journal_format.h — the bytes of the journal: records, each with its length and
// checksum in front.
//
//   file    "ERJRNL02" record…
//   record  length (u64) checksum (u32) body          numbers are little-endian
//   body    kind, channel, flag (u8 each), engine (i32), number, time (i64),
//           key (u32 length, bytes), number of frames (u32), each: u64 length, bytes
//
// One layout for all kinds: what a kind does not use is zero. A process that is killed leaves at
// most a torn last record, which is cut off; a wrong checksum with a good record behind it means
// that the file was damaged, and nothing of it is believed.
//
// Pure: bytes in, bytes out. fuzz/journal_fuzz.cpp reads whatever it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace engineroom::controller {

inline constexpr std::string_view kJournalMagic = "ERJRNL02";

enum class RecordKind : std::uint8_t {
  kStart = 1,   // key: the journal's id; number: which start of a controller
  kEngine,      // engine, key: uuid; frames: version, registration identity, peer
  kEngineLeft,  // engine
  kClient,      // key: identity of a client that acknowledges replies
  kRequest,     // key: msg_id; channel; time; flag: the controller's own; frames: as it came
  kSent,        // key: msg_id; engine; number: which attempt
  kRetry,       // key: msg_id; number: retries left. It is with no engine.
  kAbort,       // key: msg_id: a client wants it aborted, an engine has it
  kReply,       // key: msg_id; channel; engine (-1: none); flag: ok; time; frames: as sent
  kReceived,    // frames: msg_ids whose replies the client has
  kOutcome,     // number: hash of a msg_id; engine; flag: ok; time not 0: a load-balanced task
  kPart,        // key: msg_id of a broadcast; flag: ok; frames: uuid of the engine that has
                // answered, and if one reply is made of all parts, what that needs of this one
};

struct JournalRecord {
  RecordKind kind{};
  std::uint8_t channel = 0;
  bool flag = false;
  std::int32_t engine = -1;
  std::int64_t number = 0;
  std::int64_t time = 0;  // microseconds since the epoch
  std::string_view key = {};
  Frames frames = {};
};

// Where a record lies, its frame included.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

void append_record(std::string& out, const JournalRecord& record);

// The record that `bytes` are, frame included. Key and frames are views of `bytes`, which must
// outlive them. kMalformed.
Result<JournalRecord> parse_record(std::string_view bytes);

struct JournalScan {
  std::uint64_t good_bytes = 0;  // up to the end of the last good record
  bool is_torn = false;          // something incomplete follows
};
// Visits every record in order. kMalformed, with a remedy, if the file is no journal or damaged.
Result<JournalScan> scan_journal(
    std::string_view file, const std::function<void(const JournalRecord&, const Extent&)>& visit);

}  // namespace engineroom::controller
