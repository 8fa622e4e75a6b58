#include "jit/compiler.h"

#include <mutex>
#include <optional>
#include <utility>

#include "base/stopwatch.h"
#include "engineroom/version.h"
#include "jit/cache_directory.h"
#include "jit/code_generator.h"
#include "jit/deep_stack.h"
#include "jit/front_end.h"
#include "jit/header_cache.h"
#include "jit/linker.h"
#include "jit/notes.h"
#include "jit/pack.h"

namespace engineroom::jit {
namespace {

constexpr std::size_t kMaxSourceBytes = 16u << 20;

Status did_not_run() { return Status(ErrorCode::kIo, "the compiler did not run"); }

std::string subdirectory(const std::string& root, const char* name) {
  return root.empty() ? "" : root + '/' + name;
}

FrontEnd::Options front_end_options(const CompilerOptions& options) {
  return {.header = options.header,
          .header_sets = options.header_sets,
          .include_dirs = options.include_dirs,
          .clang_dir = options.clang_dir.empty() ? ENGINEROOM_CLANG_DIR : options.clang_dir};
}

}  // namespace

struct Compiler::Parts {
  explicit Parts(const CompilerOptions& options)
      : has_header(!options.header.empty()),
        libraries(options.libraries),
        front_end(front_end_options(options)),
        headers(subdirectory(options.cache_root, "headers"), options.cache_limit_bytes / 2),
        objects(subdirectory(options.cache_root, "objects"), options.cache_limit_bytes) {}

  Result<const Header*> header_for(const CompileJob& job, CompileReport& report);
  std::string object_name(const CompileJob& job, const Header& header) const;
  std::optional<CacheEntry> cached_object(const std::string& name, CompileReport& report);
  // The object, and the files that went into it.
  Result<std::string> make_object(const CompileJob& job, const Header& header,
                                  CompileReport& report, std::vector<FileStamp>& inputs);
  Result<Program> load(std::string_view object, const CompileJob& job, CompileReport& report);

  std::mutex mutex;  // for all that follows
  const bool has_header;
  const std::vector<std::string> libraries;
  const Header no_header;
  FrontEnd front_end;
  CodeGenerator code_generator;
  HeaderCache headers;
  CacheDirectory objects;
  std::shared_ptr<Linker> linker;  // made with the first program
};

Result<const Header*> Compiler::Parts::header_for(const CompileJob& job, CompileReport& report) {
  if (!has_header) return &no_header;
  const Stopwatch stopwatch(report.timings.header);
  const std::string key = Packer()
                              .text(ENGINEROOM_VERSION)
                              .text(front_end.identity())
                              .text(front_end.header_flags(job))
                              .bytes();
  return headers.find_or_make(key, [&] { return front_end.precompile(job, report.diagnostics); });
}

std::string Compiler::Parts::object_name(const CompileJob& job, const Header& header) const {
  Packer key;
  key.text(ENGINEROOM_VERSION).text(front_end.identity()).text(header.identity);
  key.text(job.source).text(job.name).text(CodeGenerator::passes(job.optimization));
  key.number(static_cast<std::uint64_t>(job.optimization)).number(job.openmp ? 1 : 0);
  key.number(job.include_dirs.size());
  for (const std::string& dir : job.include_dirs) key.text(dir);
  key.number(job.flags.size());
  for (const std::string& flag : job.flags) key.text(flag);
  return sha256_hex(key.bytes()) + ".o";
}

std::optional<CacheEntry> Compiler::Parts::cached_object(const std::string& name,
                                                         CompileReport& report) {
  std::optional<CacheEntry> entry = objects.find(name);
  if (!entry) return std::nullopt;
  Unpacker notes(entry->notes);
  const std::vector<FileStamp> stamps = unpack_stamps(notes);
  std::vector<Diagnostic> diagnostics = unpack_diagnostics(notes);
  if (!notes.ok() || !all_current(stamps)) return std::nullopt;
  report.diagnostics = std::move(diagnostics);
  report.from_cache = true;
  return entry;
}

Result<std::string> Compiler::Parts::make_object(const CompileJob& job, const Header& header,
                                                 CompileReport& report,
                                                 std::vector<FileStamp>& inputs) {
  std::optional<Unit> unit;
  {
    const Stopwatch stopwatch(report.timings.front_end);
    Result<Unit> compiled = front_end.compile(job, header.image.payload, report.diagnostics);
    if (!compiled.ok()) return compiled.status();
    unit = compiled.take();
  }
  {
    const Stopwatch stopwatch(report.timings.optimize);
    if (Status status = code_generator.optimize(*unit, job.optimization); !status.ok()) {
      return status;
    }
  }
  if (job.want_ir) report.ir = code_generator.ir(*unit);
  if (job.want_assembly) {
    Result<std::string> text = code_generator.assembly(*unit, job.optimization);
    if (!text.ok()) return text.status();
    report.assembly = text.take();
  }
  inputs = std::move(unit->inputs);
  const Stopwatch stopwatch(report.timings.generate);
  return code_generator.object(*unit, job.optimization);
}

Result<Program> Compiler::Parts::load(std::string_view object, const CompileJob& job,
                                      CompileReport& report) {
  const Stopwatch stopwatch(report.timings.link);
  if (!linker) {
    Result<std::shared_ptr<Linker>> made = Linker::create(libraries);
    if (!made.ok()) return made.status();
    linker = made.take();
  }
  return linker->load(object, job);
}

Compiler::Compiler(const CompilerOptions& options) : parts_(std::make_unique<Parts>(options)) {}
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;
Compiler::~Compiler() = default;

Result<Program> Compiler::compile(const CompileJob& job, CompileReport& report) {
  report = {};
  const Stopwatch stopwatch(report.timings.total);
  if (job.optimization < 0 || job.optimization > 3) {
    return Status(ErrorCode::kInvalidArgument,
                  "optimization is " + std::to_string(job.optimization) + "; it may be 0 to 3");
  }
  if (job.source.size() > kMaxSourceBytes) {
    return Status(ErrorCode::kResourceExhausted,
                  "the text has " + std::to_string(job.source.size()) + " bytes, more than " +
                      std::to_string(kMaxSourceBytes));
  }
  const std::lock_guard lock(parts_->mutex);

  Result<const Header*> header = parts_->header_for(job, report);
  if (!header.ok()) return header.status();
  const std::string name = parts_->object_name(job, *header.value());
  if (job.use_cache && !job.want_ir && !job.want_assembly) {
    if (const std::optional<CacheEntry> entry = parts_->cached_object(name, report)) {
      return parts_->load(entry->payload, job, report);
    }
  }
  std::vector<FileStamp> inputs;
  Result<std::string> object = did_not_run();
  on_deep_stack([&] { object = parts_->make_object(job, *header.value(), report, inputs); });
  if (!object.ok()) return object.status();
  Result<Program> program = parts_->load(object.value(), job, report);
  if (program.ok() && job.use_cache) {
    Packer notes;
    pack_stamps(notes, inputs);
    pack_diagnostics(notes, report.diagnostics);
    parts_->objects.add(name, object.value(), notes.bytes());
  }
  return program;
}

}  // namespace engineroom::jit
