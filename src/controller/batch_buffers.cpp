#include "controller/batch_buffers.h"

#include <algorithm>
#include <vector>

#include <simdjson.h>

#include "controller/json_object.h"

namespace engineroom::controller {

struct BatchBuffers::Said {
  std::string id;
  std::vector<std::size_t> at;
  std::uint64_t others = 0;  // 0: it is one of them
};

bool BatchBuffers::complete(wire::Message& request, JsonReader& json, Time now) {
  // Few say anything, and reading JSON takes time.
  if (request.metadata.view().find(R"("batch")") == std::string_view::npos) return true;
  const std::optional<Said> said = read(request, json);
  if (!said) return true;
  if (said->others == 0) return fill(request, *said, now);
  remember(request, *said, now);
  return true;
}

std::optional<BatchBuffers::Said> BatchBuffers::read(const wire::Message& request,
                                                     JsonReader& json) {
  const auto metadata = read_object(json, request.metadata.view());
  const auto batch = metadata ? metadata->object("batch") : std::nullopt;
  const auto id = batch ? batch->text("id") : std::nullopt;
  const auto at = batch ? batch->array("at") : std::nullopt;
  if (!id || !at) return std::nullopt;
  Said said{std::string(*id), {}, 0};
  said.others =
      static_cast<std::uint64_t>(std::max<std::int64_t>(batch->integer("others").value_or(0), 0));
  for (const simdjson::dom::element item : *at) {
    std::uint64_t position = 0;
    if (item.get(position) != simdjson::SUCCESS || position >= request.buffers.size()) continue;
    said.at.push_back(static_cast<std::size_t>(position));
  }
  return said;
}

void BatchBuffers::remember(const wire::Message& request, const Said& said, Time now) {
  const std::string client = request.identities.front().str();
  const auto is_of_client = [&client](const Batch& each) { return each.client == client; };
  std::erase_if(batches_,
                [&](const Batch& each) { return is_of_client(each) && each.id == said.id; });
  if (std::count_if(batches_.begin(), batches_.end(), is_of_client) >=
      static_cast<std::ptrdiff_t>(kMaxOfClient)) {
    batches_.erase(std::find_if(batches_.begin(), batches_.end(), is_of_client));
  }
  Batch& batch = batches_.emplace_back(Batch{client, said.id, {}, said.others, now});
  for (const std::size_t at : said.at) batch.buffers.emplace(at, request.buffers[at]);
}

bool BatchBuffers::fill(wire::Message& request, const Said& said, Time now) {
  // One that is sent again has its own: the batch may be long gone.
  const bool has_all = std::none_of(said.at.begin(), said.at.end(), [&request](std::size_t at) {
    return request.buffers[at].empty();
  });
  if (has_all) return true;
  const std::string_view client = request.identities.front().view();
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& each) {
    return each.id == said.id && each.client == client;
  });
  if (found == batches_.end()) return false;
  for (const std::size_t at : said.at) {
    const auto buffer = found->buffers.find(at);
    if (buffer == found->buffers.end()) return false;
    if (request.buffers[at].empty()) request.buffers[at] = buffer->second;
  }
  Batch batch = std::move(*found);
  batches_.erase(found);
  batch.used = now;
  if (--batch.others > 0) batches_.push_back(std::move(batch));
  return true;
}

void BatchBuffers::on_time(Time now) {
  while (!batches_.empty() && now >= batches_.front().used + kKeptFor) batches_.pop_front();
}

std::optional<Time> BatchBuffers::next_deadline() const {
  if (batches_.empty()) return std::nullopt;
  return batches_.front().used + kKeptFor;
}

}  // namespace engineroom::controller
