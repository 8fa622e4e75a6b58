// controller/journal.h — what a controller that is started again needs to go on: every request
// that has no reply, who has it, and every reply that its client may not have yet.
//
// The parts of the controller note here what happened *before* they send anything about it (the
// sink writes what is noted before the next message goes out), so a request that an engine has seen
// is in the journal, and so is a reply that a client has seen. What is noted is appended; when most
// of the file is about what is over, the rest is copied to a new one.
//
//   request ──► sent to an engine ──► reply ──► received by the client: forgotten
//                 └── retry: with none
//
// Reading an old journal takes the same steps as writing it: apply() for every record. What it then
// holds is what Controller::restore() goes on with (restore.cpp).
//
// Replies are kept only for clients that acknowledge them (ours), until they do; beyond
// `kMaxKept` and `kMaxKeptBytes` the oldest go, which are in the records still.
//
// Pure: the file is behind JournalSink. Threads: the loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "controller/channels.h"
#include "controller/journal_format.h"
#include "controller/registry.h"
#include "store/record.h"

namespace engineroom::controller {

class JournalSink {
 public:
  virtual ~JournalSink() = default;
  virtual void append(std::string_view bytes) = 0;
  // Of what was appended.
  virtual Result<std::string> read(const Extent& extent) const = 0;
  virtual std::uint64_t size() const = 0;
};

class Journal {
 public:
  static constexpr std::size_t kMaxKept = 100'000;
  static constexpr std::uint64_t kMaxKeptBytes = 256u << 20;
  static constexpr std::size_t kMaxOutcomes = 65'536;
  // A smaller file is left alone.
  static constexpr std::uint64_t kMinRewrite = 64u << 20;
  // Requests that ended so shortly before the end may be missing in the records.
  static constexpr std::chrono::seconds kRecent{10};

  // What one engine of a broadcast has answered.
  struct Part {
    std::string uuid;
    Extent extent;
  };
  struct OpenRequest {
    Channel channel{};
    bool is_own = false;
    bool is_abort_wanted = false;
    EngineId engine{-1};  // that it was sent to
    int attempts = 0;
    std::optional<int> retries_left;
    Extent extent;
    std::vector<Part> parts = {};
  };
  struct KnownEngine {
    std::string uuid;
    std::string version;
    std::string registration_identity;
    std::string peer;
    std::string offer;  // {"resources": {…}}
  };
  struct Outcome {
    std::int64_t hash = 0;
    bool is_task = false;
    bool ok = false;
    EngineId engine{-1};
  };
  struct Ended {
    Extent request;
    Extent reply;  // its key is what has ended: the request, or a part of it
    std::int64_t time = 0;
  };

  // A new journal.
  Journal(JournalSink& sink, std::string id);
  // What `file` holds, which `sink` reads from. Nothing is noted there: rewrite() comes first.
  // kMalformed if the file is damaged.
  static Result<Journal> read(std::string_view file, JournalSink& sink);

  const std::string& id() const { return id_; }
  // Counts the controllers that have used this journal.
  std::int64_t start() const { return start_; }

  // ---- what happens ----
  void note_engine(const Engine& engine);
  void note_engine_left(EngineId engine);
  void note_client(std::string_view identity);
  void note_request(Channel channel, std::string_view msg_id, Frames frames, bool is_own,
                    store::WallTime now);
  void note_sent(std::string_view msg_id, EngineId engine, int attempts);
  void note_retry(std::string_view msg_id, int retries_left);
  void note_abort(std::string_view msg_id);
  // `frames`: as they are sent to the client, its identity in front; none if nobody is told.
  void note_reply(std::string_view msg_id, bool ok, std::optional<EngineId> engine, Frames frames,
                  store::WallTime now);
  // An engine has answered its part of a broadcast. `more` is what is needed of it for the one
  // reply that is made of all parts.
  void note_part(std::string_view msg_id, std::string_view uuid, bool ok, const Frames& more);
  // The same, and the client gets its reply by itself.
  void note_part_reply(std::string_view msg_id, std::string_view uuid, bool ok, Frames frames,
                       store::WallTime now);
  void note_received(const std::vector<std::string>& msg_ids);

  // ---- questions ----
  // Without a reply. The id may be that of a broadcast's part, "<msg_id>_<uuid>".
  bool is_open(std::string_view msg_id) const;
  // Open, or ended not long ago: another request with this id is a repetition. Of the parts of a
  // broadcast, ask for that.
  bool has_seen(std::string_view msg_id) const;
  // The frames of an open request, as it came; none if they cannot be read.
  Frames request_frames(std::string_view msg_id) const;
  // Open requests, in the order in which they came.
  void sort_by_arrival(std::vector<std::string>& msg_ids) const;
  // The reply that the client has not acknowledged.
  struct KeptReply {
    Channel channel{};
    Frames frames;
  };
  std::optional<KeptReply> kept_reply(std::string_view msg_id) const;

  // ---- going on ----
  const std::map<EngineId, KnownEngine>& engines() const { return engines_; }
  int next_engine_id() const { return next_engine_id_; }
  const std::deque<Outcome>& outcomes() const { return outcomes_; }
  // In the order in which they came.
  std::vector<std::pair<std::string, OpenRequest>> open_requests() const;
  // Ended within kRecent before the end; for the records.
  const std::vector<Ended>& recently_ended() const { return recently_ended_; }
  // A record; `storage` holds what its key and frames are views of.
  Result<JournalRecord> load(const Extent& extent, std::string& storage) const;

  // ---- size ----
  bool wants_rewrite() const {
    return sink_->size() > kMinRewrite && sink_->size() > 4 * live_bytes_;
  }
  // Copies what still matters to another file, and goes on there. What ended recently does not.
  Status rewrite(JournalSink& to);

  std::size_t open_count() const { return open_.size(); }
  std::size_t kept_count() const { return kept_.size(); }
  void sanity_check() const;

 private:
  struct Kept {
    Channel channel{};
    Extent extent;
    std::uint64_t order = 0;
  };

  Journal() = default;
  void write(const JournalRecord& record);
  void apply(const JournalRecord& record, const Extent& extent);
  void apply_request(const JournalRecord& record, const Extent& extent);
  void apply_part(const JournalRecord& record, const Extent& extent);
  void apply_reply(const JournalRecord& record, const Extent& extent);
  void note_ended(const Extent& request, const Extent& reply, std::int64_t time);
  void remember(const Outcome& outcome);
  void keep(const JournalRecord& record, const Extent& extent);
  void forget_kept(std::string_view msg_id);
  void drop_old_ended(std::int64_t now);
  // The broadcast that this is the id of a part of; null if there is no such open request.
  const OpenRequest* find_whole(std::string_view part_id) const;
  static std::uint64_t size_of(const OpenRequest& request);
  Frames load_frames(const Extent& extent) const;
  Result<Extent> copy(const Extent& extent, JournalSink& to) const;

  std::string id_;
  std::int64_t start_ = 1;
  JournalSink* sink_ = nullptr;
  // Set while an old file is read.
  bool is_reading_ = false;

  StringMap<OpenRequest> open_;
  StringMap<Kept> kept_;
  std::deque<std::pair<std::uint64_t, std::string>> kept_order_;
  std::uint64_t kept_count_ = 0;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::map<EngineId, KnownEngine> engines_;
  int next_engine_id_ = 0;
  std::unordered_set<std::string> clients_;
  std::deque<Outcome> outcomes_;
  std::unordered_set<std::int64_t> ended_;  // the hashes in outcomes_
  std::vector<Ended> recently_ended_;
  std::string scratch_;
};

}  // namespace engineroom::controller
