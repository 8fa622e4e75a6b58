#include "store/record_text.h"

#include <cassert>
#include <cstring>
#include <initializer_list>
#include <utility>

namespace engineroom::store {

namespace {

using Length = std::uint32_t;

constexpr Length kLarge = Length{1} << 31;

std::size_t size_of(std::initializer_list<std::string_view> texts) {
  std::size_t size = 0;
  for (std::string_view text : texts) size += sizeof(Length) + text.size();
  return size;
}

std::size_t size_of(std::span<const Bytes> buffers) {
  std::size_t size = sizeof(Length);
  for (const Bytes& buffer : buffers) {
    size += sizeof(Length) + (buffer.size() < kSmallFrame ? buffer.size() : 0);
  }
  return size;
}

class Writer {
 public:
  explicit Writer(std::size_t size)
      : block_(std::make_shared_for_overwrite<char[]>(size)), at_(block_.get()) {}

  std::size_t position() const { return static_cast<std::size_t>(at_ - block_.get()); }
  std::shared_ptr<const char[]> take() { return std::move(block_); }

  void raw(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void number(Length value) { raw({reinterpret_cast<const char*>(&value), sizeof(value)}); }
  void text(std::string_view bytes) {
    number(static_cast<Length>(bytes.size()));
    raw(bytes);
  }
  void buffers(std::span<const Bytes> buffers, Frames& large) {
    number(static_cast<Length>(buffers.size()));
    for (const Bytes& buffer : buffers) {
      if (buffer.size() < kSmallFrame) {
        text(buffer.view());
      } else {
        number(kLarge);
        large.push_back(buffer);
      }
    }
  }

 private:
  std::shared_ptr<char[]> block_;
  char* at_;
};

class Reader {
 public:
  explicit Reader(std::string_view block) : rest_(block) {}

  bool at_end() const { return rest_.empty(); }

  Length number() {
    Length value = 0;
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
    return value;
  }
  std::string_view text() { return raw(number()); }
  std::string_view raw(std::size_t size) {
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  Frames buffers(const std::shared_ptr<const char[]>& block, const Frames& large,
                 std::size_t& next_large) {
    Frames buffers(number());
    for (Bytes& buffer : buffers) {
      const Length size = number();
      if (size == kLarge) {
        buffer = large[next_large++];
      } else {
        buffer = Bytes(block, raw(size).data(), size);
      }
    }
    return buffers;
  }

 private:
  std::string_view rest_;
};

}  // namespace

Status RecordText::set_request(const Request& request, Frames& large) {
  const std::size_t id_in_header = request.header.find(request.msg_id);
  const std::size_t client_in_header = request.header.find(request.client_uuid);
  const bool id_spare = id_in_header == std::string_view::npos;
  const bool client_spare = client_in_header == std::string_view::npos;
  const std::size_t spare_size =
      (id_spare ? request.msg_id.size() : 0) + (client_spare ? request.client_uuid.size() : 0);
  const std::size_t size =
      size_of({request.header, request.metadata, request.content, request.label}) + sizeof(Length) +
      spare_size + size_of(request.buffers) + sizeof(Length);
  if (size >= kMaxBytes) return {ErrorCode::kResourceExhausted, "request too large to be recorded"};

  Writer writer(size);
  writer.text(request.header);
  writer.number(static_cast<Length>(spare_size));
  const std::size_t spare_at = writer.position();
  if (id_spare) writer.raw(request.msg_id);
  const std::size_t client_spare_at = writer.position();
  if (client_spare) writer.raw(request.client_uuid);
  writer.text(request.metadata);
  writer.text(request.content);
  writer.text(request.label);
  request_size_ = static_cast<std::uint32_t>(writer.position());
  payload_at_ = request_size_;
  writer.buffers(request.buffers, large);
  writer.number(0);  // no result buffers yet
  assert(writer.position() == size);
  block_ = writer.take();
  size_ = static_cast<std::uint32_t>(size);

  const std::size_t header_at = sizeof(Length);
  id_at_ = static_cast<std::uint32_t>(id_spare ? spare_at : header_at + id_in_header);
  id_size_ = static_cast<std::uint32_t>(request.msg_id.size());
  client_at_ =
      static_cast<std::uint32_t>(client_spare ? client_spare_at : header_at + client_in_header);
  client_size_ = static_cast<std::uint32_t>(request.client_uuid.size());
  return {};
}

Status RecordText::set_result(const Reply& reply, Frames& large) {
  // Everything but the empty list of result buffers at the end.
  const std::string_view request = request_part();
  std::string_view payload = payload_part();
  payload.remove_suffix(sizeof(Length));
  const std::size_t size = request.size() + size_of({reply.header, reply.metadata, reply.content}) +
                           payload.size() + size_of(reply.buffers);
  if (size >= kMaxBytes) return {ErrorCode::kResourceExhausted, "result too large to be recorded"};

  Writer writer(size);
  writer.raw(request);
  writer.text(reply.header);
  writer.text(reply.metadata);
  writer.text(reply.content);
  payload_at_ = static_cast<std::uint32_t>(writer.position());
  writer.raw(payload);
  writer.buffers(reply.buffers, large);
  assert(writer.position() == size);
  block_ = writer.take();
  size_ = static_cast<std::uint32_t>(size);
  return {};
}

void RecordText::drop_payload() {
  if (!has_payload()) return;
  Writer writer(payload_at_ + 2 * sizeof(Length));
  writer.raw({block_.get(), payload_at_});
  writer.number(0);
  writer.number(0);
  size_ = static_cast<std::uint32_t>(writer.position());
  block_ = writer.take();
}

void RecordText::read(const Frames& large, Record& record) const {
  record.msg_id = msg_id();
  record.client_uuid = client_uuid();
  Reader texts({block_.get(), payload_at_});
  record.header = texts.text();
  texts.text();  // spare
  record.metadata = texts.text();
  record.content = texts.text();
  record.label = texts.text();
  const bool has_result = !texts.at_end();
  for (std::string* part :
       {&record.result_header, &record.result_metadata, &record.result_content}) {
    *part = has_result ? texts.text() : std::string_view();
  }
  Reader payload(payload_part());
  std::size_t next_large = 0;
  record.buffers = payload.buffers(block_, large, next_large);
  record.result_buffers = payload.buffers(block_, large, next_large);
}

}  // namespace engineroom::store
