#include "wire/signer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace engineroom::wire {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kHexBytes = 2 * kDigestBytes;
constexpr char kHexDigits[] = "0123456789abcdef";

using HexDigest = std::array<char, kHexBytes>;

// libcrypto fails here only when memory or its own installation is gone; nothing can be signed or
// trusted then.
void require(bool ok) {
  if (ok) return;
  std::fputs("engineroom: libcrypto cannot compute HMAC-SHA256\n", stderr);
  std::abort();
}

std::uint64_t first_64_bits(std::string_view hex) {
  std::uint64_t bits = 0;
  for (const char c : hex.substr(0, 16)) {
    // Maps 0-9 and a-f to 0-15. Other characters never get past verify(); they only need to map to
    // something.
    const auto byte = static_cast<unsigned char>(c);
    bits = bits << 4 | ((byte + (byte >= 'a' ? 9u : 0u)) & 15u);
  }
  return bits;
}

}  // namespace

// EVP_MAC_init() without a key restores the keyed state. Measured per message of 300 bytes: 354 ns
// so, 629 ns by duplicating the context, 301 ns with two hand-kept SHA-256 contexts, which is not
// worth an HMAC of our own.
struct Signer::State {
  explicit State(std::string_view key) {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    require(mac != nullptr);
    context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);  // the context holds it
    require(context != nullptr);
    char digest_name[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    require(EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                         params) == 1);
  }
  ~State() { EVP_MAC_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  HexDigest digest(const std::array<std::string_view, 4>& parts) {
    require(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
    for (const std::string_view part : parts) {
      require(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(part.data()),
                             part.size()) == 1);
    }
    std::array<unsigned char, kDigestBytes> raw;
    std::size_t size = 0;
    require(EVP_MAC_final(context, raw.data(), &size, raw.size()) == 1 && size == raw.size());

    HexDigest hex;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      hex[2 * i] = kHexDigits[raw[i] >> 4];
      hex[2 * i + 1] = kHexDigits[raw[i] & 15];
    }
    return hex;
  }

  EVP_MAC_CTX* context = nullptr;
};

Signer::Signer(std::string_view key) : enabled_(!key.empty()) {
  if (enabled_) state_ = std::make_unique<State>(key);
}
Signer::~Signer() = default;
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;

std::string Signer::sign(std::string_view header, std::string_view parent_header,
                         std::string_view metadata, std::string_view content) {
  if (!enabled_) return {};
  const HexDigest hex = state_->digest({header, parent_header, metadata, content});
  return std::string(hex.data(), hex.size());
}

Bytes Signer::sign_frame(std::string_view header, std::string_view parent_header,
                         std::string_view metadata, std::string_view content) {
  if (!enabled_) return {};
  auto hex =
      std::make_shared<const HexDigest>(state_->digest({header, parent_header, metadata, content}));
  const char* data = hex->data();
  return Bytes(std::move(hex), data, kHexBytes);
}

bool Signer::verify(std::string_view signature, std::string_view header,
                    std::string_view parent_header, std::string_view metadata,
                    std::string_view content) {
  if (!enabled_) return true;
  if (signature.size() != kHexBytes) return false;
  const HexDigest hex = state_->digest({header, parent_header, metadata, content});
  return CRYPTO_memcmp(hex.data(), signature.data(), kHexBytes) == 0;
}

// ---- ReplayGuard ----

ReplayGuard::ReplayGuard(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

bool ReplayGuard::is_fresh(std::string_view signature) {
  if (signature.empty()) return true;
  const std::uint64_t digest = std::max<std::uint64_t>(first_64_bits(signature), 1);
  if (2 * (ring_.size() + 1) > slots_.size()) grow();
  std::size_t slot = slot_of(digest);
  if (slots_[slot] == digest) return false;

  if (ring_.size() < capacity_) {
    ring_.push_back(digest);
  } else {
    erase(std::exchange(ring_[next_], digest));
    next_ = (next_ + 1) % capacity_;
    slot = slot_of(digest);
  }
  slots_[slot] = digest;
  return true;
}

std::size_t ReplayGuard::slot_of(std::uint64_t digest) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = digest & mask;
  while (slots_[slot] != 0 && slots_[slot] != digest) slot = (slot + 1) & mask;
  return slot;
}

// Closes the gap by moving later entries of the same run back, which needs no tombstones (Knuth,
// vol. 3, 6.4 R).
void ReplayGuard::erase(std::uint64_t digest) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t gap = slot_of(digest);
  for (std::size_t slot = (gap + 1) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t home = slots_[slot] & mask;
    // It may move unless its home lies cyclically within (gap, slot].
    if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
    slots_[gap] = slots_[slot];
    gap = slot;
  }
  slots_[gap] = 0;
}

void ReplayGuard::grow() {
  const std::size_t size = std::max<std::size_t>(slots_.size() * 2, 1024);
  slots_.assign(size, 0);
  for (const std::uint64_t digest : ring_) slots_[slot_of(digest)] = digest;
}

}  // namespace engineroom::wire
