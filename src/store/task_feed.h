// store/task_feed.h — feeds no-op tasks to a store, for benchmarks.
//
// A record is as large as a real one's: the frames of a stock client and engine.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "store/store.h"

namespace engineroom::store {

class TaskFeed {
 public:
  TaskFeed(Store& store, bool with_buffers) : store_(store) {
    if (!with_buffers) return;
    buffers_ = {Bytes(std::string(330, 'f')), Bytes(std::string(58, 'i')),
                Bytes(std::string(5, 'a'))};
    result_buffers_ = {Bytes(std::string(5, 'r'))};
  }

  void add(int i) {
    const std::string id = msg_id(i);
    const std::string header =
        R"({"msg_id": ")" + id +
        R"(", "msg_type": "apply_request", "username": "username", "session": )"
        R"("cae9ec08-b09e481782d8404c9b68d93c", "date": "2026-11-21T05:57:39.111796Z", "version": "5.3"})";
    Request request{.msg_id = id, .client_uuid = "cae9ec08-b09e481782d8404c9b68d93c"};
    request.header = header;
    request.metadata = R"({"after": [], "follow": [], "timeout": 0.0, "targets": [], )"
                       R"("retries": 0, "label": null})";
    request.content = "{}";
    request.buffers = buffers_;
    request.submitted = WallTime(std::chrono::microseconds(i));
    (void)store_.add_request(request);
  }

  void finish(int i) {
    const std::string id = msg_id(i);
    (void)store_.mark_sent(id, kEngine);
    Reply reply{.engine_uuid = kEngine};
    reply.header =
        R"({"msg_id": "c9397da8-149394cd62f085be0726c1a4_14085_4", "msg_type": "apply_reply", )"
        R"("username": "username", "session": "c9397da8-149394cd62f085be0726c1a4", )"
        R"("date": "2026-11-21T05:57:39.183221Z", "version": "5.3"})";
    reply.metadata =
        R"({"started": "2026-11-21T05:57:39.115081Z", "dependencies_met": true, "engine": )"
        R"("c9397da8-149394cd62f085be0726c1a4", "is_broadcast": false, "is_coalescing": false, )"
        R"("original_msg_id": "", "label": null, "status": "ok"})";
    reply.content = R"({"status": "ok"})";
    reply.buffers = result_buffers_;
    reply.received = WallTime(std::chrono::microseconds(i));
    (void)store_.add_result(id, reply);
  }

 private:
  static constexpr std::string_view kEngine = "c9397da8-149394cd62f085be0726c1a4";

  static std::string msg_id(int i) {
    return "cae9ec08-b09e481782d8404c9b68d93c_14053_" + std::to_string(i);
  }

  Frames buffers_;
  Frames result_buffers_;
  Store& store_;
};

}  // namespace engineroom::store
