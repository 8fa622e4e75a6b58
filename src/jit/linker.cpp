#include "jit/linker.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/ExecutionEngine/Orc/EPCEHFrameRegistrar.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>

#include "runtime/openmp_fork.h"

namespace engineroom::jit {
namespace {

namespace orc = llvm::orc;

std::atomic<bool> unloading_stopped{false};

// ---- destructors of static objects ----

struct AtExit {
  void (*run)(void*);
  void* argument;
};

// By the address of the program's __dso_handle. Never destroyed: programs may live as long as the
// process.
struct AtExitTable {
  std::mutex mutex;
  std::unordered_map<const void*, std::vector<AtExit>> programs;  // guarded by mutex

  static AtExitTable& instance() {
    static AtExitTable* table = new AtExitTable;
    return *table;
  }
};

// What programs call as __cxa_atexit.
int register_at_exit(void (*run)(void*), void* argument, void* dso_handle) {
  AtExitTable& table = AtExitTable::instance();
  const std::lock_guard lock(table.mutex);
  table.programs[dso_handle].push_back({run, argument});
  return 0;
}

void run_at_exit(const void* dso_handle) {
  AtExitTable& table = AtExitTable::instance();
  for (;;) {
    std::vector<AtExit> entries;
    {
      const std::lock_guard lock(table.mutex);
      const auto found = table.programs.find(dso_handle);
      if (found == table.programs.end()) return;
      entries = std::move(found->second);
      table.programs.erase(found);
    }
    // A destructor may register further ones: hence the loop.
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      entry->run(entry->argument);
    }
  }
}

// ---- libraries ----

// The symbols of a library, as dlsym() finds them. ORC's own generator loads libraries for all.
class LibrarySymbols : public orc::DefinitionGenerator {
 public:
  explicit LibrarySymbols(void* handle) : handle_(handle) {}

  llvm::Error tryToGenerate(orc::LookupState&, orc::LookupKind, orc::JITDylib& dylib,
                            orc::JITDylibLookupFlags, const orc::SymbolLookupSet& wanted) override {
    orc::SymbolMap found;
    for (const auto& [name, flags] : wanted) {
      void* address = ::dlsym(handle_, (*name).str().c_str());
      if (address == nullptr) continue;
      found[name] = {orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported};
    }
    if (found.empty()) return llvm::Error::success();
    return dylib.define(orc::absoluteSymbols(std::move(found)));
  }

 private:
  void* handle_;
};

// Null if there is none. A library stays loaded once it was.
void* open_file(const std::string& file) { return ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); }

// libNAME.so.6 and the like: without its development package a library has no libNAME.so, and that
// of some is a text for linkers.
std::vector<std::string> versions_of(const std::string& name) {
  const std::string prefix = "lib" + name + ".so.";
  std::vector<std::string> result;
  for (const char* dir :
       {"/usr/local/lib", "/usr/lib/" ENGINEROOM_MULTIARCH, "/usr/lib64", "/usr/lib"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().filename().string().starts_with(prefix)) {
        result.push_back(at->path());
      }
    }
  }
  return result;
}

void* open_library(const std::string& name, const std::vector<std::string>& dirs) {
  if (name.find('/') != std::string::npos) return open_file(name);
  const std::string file_name = "lib" + name + ".so";
  for (const std::string& dir : dirs) {
    if (void* handle = open_file(std::filesystem::path(dir) / file_name)) return handle;
  }
  if (void* handle = open_file(file_name)) return handle;
  for (const std::string& file : versions_of(name)) {
    if (void* handle = open_file(file)) return handle;
  }
  return nullptr;
}

void* open_openmp() {
  void* handle = open_file("libomp.so.5");
  static std::once_flag once;
  std::call_once(once, [handle] {
    if (handle == nullptr) return;
    void* any = ::dlsym(handle, "omp_get_max_threads");
    er::use_openmp_for_forks([any] { reinterpret_cast<int (*)()>(any)(); });
  });
  return handle;
}

Status no_library(const std::string& name) {
  return Status(ErrorCode::kNotFound, "there is no library " + name);
}

Status to_status(const std::string& what, llvm::Error error) {
  return Status(ErrorCode::kIo, what + ": " + llvm::toString(std::move(error)));
}

}  // namespace

// ---- Session ----

struct Linker::Session {
  explicit Session(std::unique_ptr<orc::ExecutorProcessControl> control)
      : execution(std::move(control)), layer(execution) {}
  ~Session() { llvm::consumeError(execution.endSession()); }

  // A JITDylib with the symbols of a library; the same one for the same handle.
  orc::JITDylib& library(void* handle) {
    const auto [found, is_new] = libraries.try_emplace(handle);
    if (is_new) {
      found->second = &execution.createBareJITDylib("library#" + std::to_string(libraries.size()));
      found->second->addGenerator(std::make_unique<LibrarySymbols>(handle));
    }
    return *found->second;
  }

  // What failed, in the words of ORC's report if there is one.
  Status failed(const std::string& name, llvm::Error error) {
    const std::string text = llvm::toString(std::move(error));
    const std::lock_guard lock(mutex);
    if (missing.empty()) {
      return Status(ErrorCode::kMalformed,
                    "cannot link " + name + ": " + (reported.empty() ? text : reported));
    }
    std::string list;
    for (const std::string& symbol : missing) list += (list.empty() ? "" : ", ") + symbol;
    return Status(ErrorCode::kNotFound, "defined nowhere: " + list);
  }

  void report(llvm::Error error) {
    const std::lock_guard lock(mutex);
    llvm::handleAllErrors(
        std::move(error),
        [&](orc::SymbolsNotFound& not_found) {
          for (const orc::SymbolStringPtr& symbol : not_found.getSymbols()) {
            missing.push_back(llvm::demangle(*symbol));
          }
        },
        [&](llvm::ErrorInfoBase& info) { reported = info.message(); });
  }

  orc::ExecutionSession execution;
  orc::ObjectLinkingLayer layer;

  // Used by load() alone.
  std::map<void*, orc::JITDylib*> libraries;
  std::vector<orc::JITDylib*> process;  // what every program may use
  std::uint64_t n_programs = 0;

  std::mutex mutex;
  // Guarded by mutex. What ORC reported since load() began: it names the missing symbols, while the
  // lookup only tells what failed because of them.
  std::vector<std::string> missing;
  std::string reported;
};

// ---- LoadedCode ----

class LoadedCode {
 public:
  LoadedCode(std::shared_ptr<Linker> linker, orc::JITDylib& dylib, std::vector<Program> link)
      : linker_(std::move(linker)), dylib_(dylib), link_(std::move(link)) {}
  LoadedCode(const LoadedCode&) = delete;
  LoadedCode& operator=(const LoadedCode&) = delete;

  ~LoadedCode() {
    if (unloading_stopped) return;
    if (dso_handle_ != nullptr) run_at_exit(dso_handle_);
    llvm::consumeError(linker_->session_->execution.removeJITDylib(dylib_));
  }

  llvm::Expected<void*> find(const std::string& name) const {
    orc::ExecutionSession& execution = linker_->session_->execution;
    auto symbol = execution.lookup({{&dylib_, orc::JITDylibLookupFlags::MatchExportedSymbolsOnly}},
                                   execution.intern(name));
    if (!symbol) return symbol.takeError();
    return symbol->getAddress().toPtr<void*>();
  }

  orc::JITDylib& dylib() const { return dylib_; }
  void set_dso_handle(const void* handle) { dso_handle_ = handle; }

 private:
  std::shared_ptr<Linker> linker_;
  orc::JITDylib& dylib_;
  std::vector<Program> link_;
  const void* dso_handle_ = nullptr;
};

void* Program::symbol(const std::string& name) const {
  if (!code_) return nullptr;
  llvm::Expected<void*> found = code_->find(name);
  if (!found) {
    llvm::consumeError(found.takeError());
    return nullptr;
  }
  return *found;
}

void stop_unloading() { unloading_stopped = true; }

// ---- Linker ----

Linker::Linker(std::unique_ptr<Session> session) : session_(std::move(session)) {}

Linker::~Linker() {
  // The session's end would take all code along.
  if (!unloading_stopped) return;
  Session* left_alone = session_.release();
  (void)left_alone;
}

Result<std::shared_ptr<Linker>> Linker::create(const std::vector<std::string>& libraries) {
  auto control = orc::SelfExecutorProcessControl::Create();
  if (!control) return to_status("cannot start the linker", control.takeError());
  auto session = std::make_unique<Session>(std::move(*control));
  Session& s = *session;

  s.execution.setErrorReporter([&s](llvm::Error error) { s.report(std::move(error)); });
  auto registrar = orc::EPCEHFrameRegistrar::Create(s.execution);
  if (!registrar) return to_status("cannot register exceptions", registrar.takeError());
  s.layer.addPlugin(
      std::make_unique<orc::EHFrameRegistrationPlugin>(s.execution, std::move(*registrar)));

  for (const std::string& library : libraries) {
    void* handle = open_library(library, {});
    if (handle == nullptr) return no_library(library);
    s.process.push_back(&s.library(handle));
  }
  // C++'s by name: in Python they are loaded, but not for all to see.
  s.process.push_back(&s.library(::dlopen(nullptr, RTLD_NOW)));
  for (const char* file : {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1"}) {
    void* handle = open_file(file);
    if (handle == nullptr) return no_library(file);
    s.process.push_back(&s.library(handle));
  }
  return std::shared_ptr<Linker>(new Linker(std::move(session)));
}

Result<Program> Linker::load(std::string_view object, const CompileJob& job) {
  Session& s = *session_;
  {
    const std::lock_guard lock(s.mutex);
    s.missing.clear();
    s.reported.clear();
  }

  const auto exported = orc::JITDylibLookupFlags::MatchExportedSymbolsOnly;
  orc::JITDylibSearchOrder others;
  for (const Program& program : job.link) {
    if (program) others.emplace_back(&program.code()->dylib(), exported);
  }
  for (const std::string& library : job.libraries) {
    void* handle = open_library(library, job.library_dirs);
    if (handle == nullptr) return no_library(library);
    others.emplace_back(&s.library(handle), exported);
  }
  if (job.openmp) {
    void* handle = open_openmp();
    if (handle == nullptr) {
      return Status(ErrorCode::kNotFound, "OpenMP needs libomp.so.5 (Debian: libomp5-19)");
    }
    others.emplace_back(&s.library(handle), exported);
  }
  for (orc::JITDylib* dylib : s.process) others.emplace_back(dylib, exported);

  orc::JITDylib& dylib =
      s.execution.createBareJITDylib(job.name + "#" + std::to_string(++s.n_programs));
  auto code = std::make_shared<LoadedCode>(shared_from_this(), dylib, job.link);
  dylib.setLinkOrder(std::move(others));  // after itself
  const orc::ExecutorSymbolDef at_exit(orc::ExecutorAddr::fromPtr(&register_at_exit),
                                       llvm::JITSymbolFlags::Callable);
  if (llvm::Error error =
          dylib.define(orc::absoluteSymbols({{s.execution.intern("__cxa_atexit"), at_exit}}))) {
    return s.failed(job.name, std::move(error));
  }
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object), job.name);
  if (llvm::Error error = s.layer.add(dylib, std::move(buffer))) {
    return s.failed(job.name, std::move(error));
  }

  // Finding one symbol links the whole object.
  llvm::Expected<void*> init = code->find(kInitSymbol);
  if (!init) return s.failed(job.name, init.takeError());
  if (llvm::Expected<void*> handle = code->find("__dso_handle")) {
    code->set_dso_handle(*handle);
  } else {
    llvm::consumeError(handle.takeError());
  }
  reinterpret_cast<void (*)()>(*init)();
  return Program(std::move(code));
}

}  // namespace engineroom::jit
