// store/engine_tally.h — per engine: how many records are with it, and how many it has finished.
//
// Records name their engine by a number, so that its uuid is kept once and not in every record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/store.h"

namespace engineroom::store {

enum class EngineNumber : std::uint32_t {};
inline constexpr EngineNumber kNoEngine{UINT32_MAX};

class EngineTally {
 public:
  // One more record names the engine. kNoEngine for an empty uuid.
  EngineNumber retain(std::string_view uuid);
  // One record less does.
  void release(EngineNumber engine);

  EngineNumber find(std::string_view uuid) const;
  // Empty for kNoEngine.
  std::string_view uuid(EngineNumber engine) const;
  // REQUIRES: not kNoEngine
  EngineCounts& counts(EngineNumber engine) { return at(engine).counts; }
  const EngineCounts& counts(EngineNumber engine) const { return at(engine).counts; }

  // Its number is freed as soon as no record names it.
  void forget(std::string_view uuid);

 private:
  struct Entry {
    std::string uuid;
    EngineCounts counts;
    std::size_t records = 0;
    bool forgotten = false;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Entry& at(EngineNumber engine) { return entries_[static_cast<std::size_t>(engine)]; }
  const Entry& at(EngineNumber engine) const { return entries_[static_cast<std::size_t>(engine)]; }
  void free_if_unused(EngineNumber engine);

  std::vector<Entry> entries_;  // by number; an empty uuid: free
  std::vector<EngineNumber> free_;
  std::unordered_map<std::string, EngineNumber, Hash, std::equal_to<>> numbers_;
};

}  // namespace engineroom::store
