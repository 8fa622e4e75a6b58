#include "controller/resumption.h"

#include <utility>

#include "controller/json_object.h"
#include "controller/user_scope.h"

namespace engineroom::controller {
namespace {

void write_texts(JsonWriter& w, const std::vector<std::string>& texts) {
  w.begin_array();
  for (const std::string& text : texts) w.value(text);
  w.end_array();
}

// The id may be that of a broadcast's part, "<msg_id>_<uuid>".
bool has_seen(const Journal& journal, std::string_view msg_id) {
  const std::size_t end = msg_id.rfind('_');
  return journal.has_seen(msg_id) ||
         (end != msg_id.npos && journal.has_seen(msg_id.substr(0, end)));
}

}  // namespace

void on_received(Core& core, const wire::Message& notice) {
  const auto content = read_object(core.json, notice.content.view());
  if (!content) return;
  const Scope scope = scope_of(notice.identities.front().view());
  std::vector<std::string> msg_ids = content->texts("msg_ids");
  for (std::string& msg_id : msg_ids) msg_id = scope.inside(msg_id);
  core.journal->note_received(msg_ids);
}

void on_resume_requested(Core& core, const wire::Message& request) {
  const auto content = read_object(core.json, request.content.view());
  if (!content) return;
  core.journal->note_client(request.identities.front().view());
  std::vector<std::string> unknown;
  std::vector<std::string> ended;
  const Scope scope = scope_of(request.identities.front().view());
  for (std::string& name : content->texts("msg_ids")) {
    const std::string msg_id = scope.inside(name);
    const auto reply = core.journal->kept_reply(msg_id);
    // Only to whom it was for.
    if (reply && !reply->frames.empty() && reply->frames.front() == request.identities.front()) {
      core.delivery.to_client(reply->channel, reply->frames);
    } else if (core.journal->is_open(msg_id)) {
      continue;
    } else if (has_seen(*core.journal, msg_id) || core.store.contains(msg_id)) {
      ended.push_back(std::move(name));
    } else {
      unknown.push_back(std::move(name));
    }
  }
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  write_texts(w.key("unknown"), unknown);
  write_texts(w.key("ended"), ended);
  w.end_object();
  core.delivery.to_client(Channel::kQuery, core.messages.make({.identities = request.identities,
                                                               .type = "resume_reply",
                                                               .parent_header = request.header,
                                                               .content = w.take()},
                                                              Side::kClients));
}

}  // namespace engineroom::controller
