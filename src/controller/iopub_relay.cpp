#include "controller/iopub_relay.h"

#include <array>
#include <utility>

#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

// "engine.3.stdout": the topics whose messages concern the controller.
bool concerns_us(std::string_view topic) {
  constexpr std::array<std::string_view, 6> kKinds = {
      ".stdout", ".stderr", ".execute_input", ".execute_result", ".error", ".shutdown"};
  for (const std::string_view kind : kKinds) {
    if (topic.ends_with(kind)) return true;
  }
  return false;
}

std::optional<store::Output> output_kind(std::string_view msg_type) {
  if (msg_type == "execute_input") return store::Output::kExecuteInput;
  if (msg_type == "execute_result") return store::Output::kExecuteResult;
  if (msg_type == "error") return store::Output::kError;
  return std::nullopt;
}

}  // namespace

void IopubRelay::on_message(Frames frames, Time now) {
  if (frames.empty()) return;
  const Bytes topic = frames.front();
  const bool concerns = concerns_us(topic.view());
  // What clients can check themselves, and we need not know, is passed on as it is.
  const bool is_verbatim = core_.messages.is_one_key();
  if (is_verbatim) core_.delivery.to_client(Channel::kIopubClient, frames);
  if (is_verbatim && !concerns) return;
  // Some of what stock engines publish has no topic.
  const auto message = core_.accept(Channel::kIopubEngine, std::move(frames), 0, nullptr);
  if (!message) return;
  if (!is_verbatim) {
    core_.delivery.to_client(Channel::kIopubClient, core_.messages.relay(*message, Side::kClients));
  }
  if (concerns) look_into(*message, now);
}

void IopubRelay::look_into(const wire::Message& message, Time now) {
  const Bytes& topic = message.identities.front();
  const auto header = core_.accept_header(Channel::kIopubEngine, message.header, topic);
  if (!header) return;
  // An engine's session is its uuid.
  if (header->msg_type == "shutdown_reply") return on_shutdown_(header->session, now);
  record(*header, message);
}

void IopubRelay::record(const wire::Header& header, const wire::Message& message) {
  const Result<wire::Header> parent = wire::parse_header(message.parent_header.view(), true);
  if (!parent.ok() || parent.value().msg_id.empty()) return;
  const std::string& msg_id = parent.value().msg_id;
  // Not ok: not one of the tasks we remember. Nothing is lost but the record.
  if (const auto kind = output_kind(header.msg_type)) {
    std::string_view value = message.content.view();
    std::string code;
    if (*kind == store::Output::kExecuteInput) {
      // Records hold the code alone.
      const auto content = read_object(core_.json, value);
      if (!content) return;
      code = content->json("code");
      value = code;
    }
    (void)core_.store.add_output(msg_id, *kind, value);
  } else if (header.msg_type == "stream") {
    const auto content = read_object(core_.json, message.content.view());
    const auto text = content ? content->text("text") : std::nullopt;
    if (!text) return;
    const bool is_stderr = content->text("name") == "stderr";
    (void)core_.store.add_output(
        msg_id, is_stderr ? store::Output::kStderr : store::Output::kStdout, *text);
  }
}

}  // namespace engineroom::controller
