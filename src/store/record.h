// store/record.h — what is remembered of a task: the request, where it ran, the reply, its output.
//
// The fields are those that stock ipyparallel's hub answers queries from (result_request,
// db_request). JSON parts stay the text that came over the wire. `Request` and `Reply` are views
// for the hot path, read during the call only; `Record` owns everything and is what queries get.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace engineroom::store {

using WallTime = std::chrono::system_clock::time_point;

// Which road the request took; "mux" (direct), "task" (load-balanced) or "broadcast" in queries.
enum class QueueKind : std::uint8_t { kMux, kTask, kBroadcast };
const char* to_string(QueueKind queue);

// A request as it arrived. (The empty braces let a caller name only some fields.)
struct Request {
  std::string_view msg_id{};
  std::string_view client_uuid{};  // the session that asked
  QueueKind queue = QueueKind::kTask;
  std::string_view label{};  // empty: none
  std::string_view header{};
  std::string_view metadata{};
  std::string_view content{};
  std::span<const Bytes> buffers{};
  WallTime submitted{};
};

// The reply that ended a task: an engine's, or one the controller made up (engine died, aborted …).
struct Reply {
  std::string_view engine_uuid{};  // empty: no engine; the one it was last sent to is kept
  std::string_view header{};
  std::string_view metadata{};
  std::string_view content{};
  std::span<const Bytes> buffers{};
  std::optional<WallTime> started{};
  std::optional<WallTime> completed{};  // by the engine's clock
  WallTime received{};                  // by ours
};

// Of stdout and stderr, each, of one record; what comes after is cut off.
inline constexpr std::size_t kMaxStreamBytes = std::size_t{1} << 20;

// What a task published while it ran.
enum class Output : std::uint8_t { kStdout, kStderr, kExecuteInput, kExecuteResult, kError };
// Streams grow; of the others, the last one counts.
constexpr bool is_stream(Output kind) { return kind == Output::kStdout || kind == Output::kStderr; }

// What has become of a request so far: all but the parts of its messages.
struct Course {
  std::string engine_uuid;  // empty: not yet sent to one
  QueueKind queue = QueueKind::kTask;
  std::string resubmitted;  // the id of the newer request that repeats this one; empty: none
  WallTime submitted{};
  std::optional<WallTime> started;
  std::optional<WallTime> completed;
  std::optional<WallTime> received;  // none: still pending
  // stdout and stderr are plain text, appended to; the others hold the last JSON value published.
  std::string stdout_text;
  std::string stderr_text;
  std::string execute_input;
  std::string execute_result;
  std::string error;
  // The buffers and output of this finished record were dropped to save memory: `buffers`,
  // `result_buffers` and the five above are empty whatever they held.
  bool payload_dropped = false;

  bool is_finished() const { return received.has_value(); }
};

struct Record : Course {
  std::string msg_id;
  std::string client_uuid;
  std::string label;  // empty: none
  std::string header;
  std::string metadata;
  std::string content;
  Frames buffers;
  std::string result_header;  // empty while pending, as are the next three
  std::string result_metadata;
  std::string result_content;
  Frames result_buffers;

  // About so many are read of it.
  std::size_t bytes() const;
};

// The text for this kind of output in a Record, or in what names them as Record does.
template <typename Holder>
auto& output_of(Holder& holder, Output kind) {
  switch (kind) {
    case Output::kStdout:
      return holder.stdout_text;
    case Output::kStderr:
      return holder.stderr_text;
    case Output::kExecuteInput:
      return holder.execute_input;
    case Output::kExecuteResult:
      return holder.execute_result;
    case Output::kError:
      break;
  }
  return holder.error;
}

}  // namespace engineroom::store
