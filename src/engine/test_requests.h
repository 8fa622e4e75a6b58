// engine/test_requests.h — requests for tests, without a wire.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/request.h"

namespace engineroom::engine {

inline std::shared_ptr<Request> make_request(const std::string& msg_id,
                                             RequestKind kind = RequestKind::kApply) {
  auto request = std::make_shared<Request>();
  request->kind = kind;
  request->channel = kind == RequestKind::kClear ? Channel::kControl : Channel::kShell;
  request->header.msg_id = msg_id;
  request->header.session = "session";
  request->header.msg_type = kind == RequestKind::kExecute ? "execute_request"
                             : kind == RequestKind::kClear ? "clear_request"
                             : kind == RequestKind::kComm  ? "comm_msg"
                                                           : "apply_request";
  request->message.header = Bytes("{\"msg_id\":\"" + msg_id + "\"}");
  return request;
}

// One of our own clients.
inline std::shared_ptr<Request> make_quiet_request(const std::string& msg_id) {
  std::shared_ptr<Request> request = make_request(msg_id);
  request->ours = true;
  return request;
}

}  // namespace engineroom::engine
