// include/engineroom/compiler.h over session.h.
#include "engineroom/compiler.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "jit/cache_directory.h"
#include "session/session.h"

namespace engineroom {
namespace {

syntax::LanguageLevel level_of(const std::string& level) {
  if (level == "2") return syntax::LanguageLevel::k2;
  return level == "3str" ? syntax::LanguageLevel::k3Str : syntax::LanguageLevel::k3;
}

Status missing(const std::filesystem::path& path, const char* what) {
  return Status(ErrorCode::kNotFound, path.string() + " does not exist: " + what);
}

CompileMessage message_of(const session::Message& message) {
  return {.is_error = message.severity == syntax::Severity::kError,
          .code = message.code,
          .file = message.file,
          .line = message.line,
          .column = message.column,
          .text = message.text,
          .hint = message.hint,
          .rendered = message.rendered};
}

CompileMessage message_of(const jit::Diagnostic& diagnostic) {
  return {.is_error = diagnostic.severity == jit::Severity::kError,
          .code = "c++",
          .file = diagnostic.file,
          .line = diagnostic.line,
          .column = diagnostic.column,
          .text = diagnostic.message,
          .hint = "",
          .rendered = diagnostic.to_string() + "\n"};
}

// Functions that Python holds may be called until it ends.
std::shared_ptr<const void> keep_for_ever(const jit::Program& program) {
  static std::mutex mutex;
  static auto* kept = new std::vector<std::shared_ptr<const jit::Program>>;
  const std::scoped_lock lock(mutex);
  return kept->emplace_back(std::make_shared<const jit::Program>(program));
}

}  // namespace

struct Compiler::Impl {
  std::string pxd_dir;
  jit::Compiler native;
};

Compiler::Compiler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;
Compiler::~Compiler() = default;

int CompiledModule::run(_object* globals) const { return entry_(globals, nullptr); }

Result<Compiler> Compiler::create(const CompilerSettings& settings) {
  const std::filesystem::path package = settings.package_dir;
  const std::filesystem::path header = package / "include/runtime/engineroom_runtime.h";
  const std::filesystem::path library = package / "libengineroom_runtime.so";
  const std::filesystem::path python = settings.python_include_dir;
  if (!exists(header)) return missing(header, "package_dir is not engineroom's");
  if (!exists(library)) return missing(library, "package_dir is not engineroom's");
  if (!exists(python / "Python.h"))
    return missing(python / "Python.h", "python_include_dir is not Python's (Debian: python3-dev)");
  const std::string cache =
      settings.cache_dir.empty() ? jit::CacheDirectory::default_root() : settings.cache_dir;
  return Compiler(std::unique_ptr<Impl>(
      new Impl{(package / "pxd").string(),
               jit::Compiler({.header = header.string(),
                              .include_dirs = {(package / "include").string(), python.string()},
                              .libraries = {library.string()},
                              .cache_root = cache})}));
}

Compilation Compiler::compile(const std::string& source, const CompileSettings& settings) {
  session::Request request{.text = source,
                           .file = settings.file,
                           .module = settings.name,
                           .level = level_of(settings.level),
                           .directives = settings.directives,
                           .pxd_path = settings.include_path};
  request.pxd_path.push_back(impl_->pxd_dir);
  session::Cell cell = session::compile(impl_->native, request,
                                        {.source = "",  // made of the request
                                         .include_dirs = settings.include_path,
                                         .optimization = settings.optimization});

  Compilation result;
  result.ok = cell.ok;
  result.cpp = std::move(cell.translation.cpp);
  for (const session::Message& message : cell.translation.messages)
    result.messages.push_back(message_of(message));
  for (const jit::Diagnostic& diagnostic : cell.report.diagnostics)
    if (diagnostic.severity != jit::Severity::kNote)
      result.messages.push_back(message_of(diagnostic));
  if (!cell.ok && result.messages.empty()) {
    CompileMessage message;
    message.code = "link";
    message.file = settings.file;
    message.text = cell.status.message();
    message.rendered = settings.file + ": error: " + message.text + "\n";
    result.messages.push_back(std::move(message));
  }
  if (!cell.ok) return result;
  void* entry = cell.program.symbol(cell.translation.exec_symbol);
  result.module.entry_ = reinterpret_cast<int (*)(_object*, _object*)>(entry);
  result.module.code_ = keep_for_ever(cell.program);
  return result;
}

}  // namespace engineroom
