// jit/notes.h — file stamps and diagnostics in the notes of a cache entry.
#pragma once

#include <vector>

#include "jit/file_stamp.h"
#include "jit/job.h"
#include "jit/pack.h"

namespace engineroom::jit {

inline void pack_stamps(Packer& packer, const std::vector<FileStamp>& stamps) {
  packer.number(stamps.size());
  for (const FileStamp& stamp : stamps) {
    packer.text(stamp.path).number(stamp.size_bytes);
    packer.number(static_cast<std::uint64_t>(stamp.modified_ns));
  }
}

inline std::vector<FileStamp> unpack_stamps(Unpacker& unpacker) {
  std::vector<FileStamp> stamps;
  for (std::uint64_t left = unpacker.number(); left > 0 && unpacker.ok(); --left) {
    FileStamp stamp{.path = std::string(unpacker.text())};
    stamp.size_bytes = unpacker.number();
    stamp.modified_ns = static_cast<std::int64_t>(unpacker.number());
    stamps.push_back(std::move(stamp));
  }
  return stamps;
}

inline void pack_diagnostics(Packer& packer, const std::vector<Diagnostic>& diagnostics) {
  packer.number(diagnostics.size());
  for (const Diagnostic& diagnostic : diagnostics) {
    packer.number(static_cast<std::uint64_t>(diagnostic.severity)).text(diagnostic.file);
    packer.number(diagnostic.line).number(diagnostic.column).text(diagnostic.message);
  }
}

inline std::vector<Diagnostic> unpack_diagnostics(Unpacker& unpacker) {
  std::vector<Diagnostic> diagnostics;
  for (std::uint64_t left = unpacker.number(); left > 0 && unpacker.ok(); --left) {
    Diagnostic diagnostic;
    diagnostic.severity = static_cast<Severity>(unpacker.number());
    diagnostic.file = unpacker.text();
    diagnostic.line = static_cast<unsigned>(unpacker.number());
    diagnostic.column = static_cast<unsigned>(unpacker.number());
    diagnostic.message = unpacker.text();
    diagnostics.push_back(std::move(diagnostic));
  }
  return diagnostics;
}

}  // namespace engineroom::jit
