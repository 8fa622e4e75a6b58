#include "jit/linker.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <llvm/Demangle/Demangle.h>
#include <llvm/ExecutionEngine/Orc/EPCEHFrameRegistrar.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>

namespace engineroom::jit {
namespace {

namespace orc = llvm::orc;

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

Status to_status(ErrorCode code, const std::string& what, llvm::Error error) {
  return Status(code, what + ": " + llvm::toString(std::move(error)));
}

}  // namespace

// ---- Session ----

struct Linker::Session {
  explicit Session(std::unique_ptr<orc::ExecutorProcessControl> control)
      : execution(std::move(control)), layer(execution) {}
  ~Session() { llvm::consumeError(execution.endSession()); }

  // A JITDylib with the symbols of shared libraries; "" is the process itself.
  llvm::Expected<orc::JITDylib*> libraries(const std::string& name,
                                           const std::vector<const char*>& files) {
    orc::JITDylib& dylib = execution.createBareJITDylib(name);
    for (const char* file : files) {
      auto generator = orc::DynamicLibrarySearchGenerator::Load(*file ? file : nullptr, '\0');
      if (!generator) return generator.takeError();
      dylib.addGenerator(std::move(*generator));
    }
    return &dylib;
  }

  orc::ExecutionSession execution;
  orc::ObjectLinkingLayer layer;
  orc::JITDylib* process = nullptr;
  std::atomic<std::uint64_t> n_programs{0};

  std::mutex mutex;
  orc::JITDylib* openmp = nullptr;  // guarded by mutex; null until a program wants it
  // Guarded by mutex. What ORC reported since the last load: it names the missing symbols, while
  // the lookup only tells what failed because of them.
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

// ---- Linker ----

Linker::Linker(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Linker::~Linker() = default;

Result<std::shared_ptr<Linker>> Linker::create() {
  auto control = orc::SelfExecutorProcessControl::Create();
  if (!control) return to_status(ErrorCode::kIo, "cannot start the linker", control.takeError());
  auto session = std::make_unique<Session>(std::move(*control));
  Session& s = *session;

  s.execution.setErrorReporter([&s](llvm::Error error) {
    const std::lock_guard lock(s.mutex);
    llvm::handleAllErrors(
        std::move(error),
        [&](orc::SymbolsNotFound& not_found) {
          for (const orc::SymbolStringPtr& symbol : not_found.getSymbols()) {
            s.missing.push_back(llvm::demangle(*symbol));
          }
        },
        [&](llvm::ErrorInfoBase& info) { s.reported = info.message(); });
  });
  auto registrar = orc::EPCEHFrameRegistrar::Create(s.execution);
  if (!registrar) return to_status(ErrorCode::kIo, "no exceptions", registrar.takeError());
  s.layer.addPlugin(
      std::make_unique<orc::EHFrameRegistrationPlugin>(s.execution, std::move(*registrar)));

  // The libraries by name too: in Python they are loaded, but not for all to see.
  auto process = s.libraries("process", {"", "libstdc++.so.6", "libm.so.6", "libgcc_s.so.1"});
  if (!process) return to_status(ErrorCode::kIo, "cannot load", process.takeError());
  s.process = *process;
  return std::shared_ptr<Linker>(new Linker(std::move(session)));
}

Result<Program> Linker::load(std::string_view object, const std::string& name,
                             const std::vector<Program>& link, bool openmp) {
  Session& s = *session_;
  orc::JITDylib* openmp_dylib = nullptr;
  {
    const std::lock_guard lock(s.mutex);
    s.missing.clear();
    s.reported.clear();
    if (openmp && s.openmp == nullptr) {
      auto loaded = s.libraries("openmp", {"libomp.so.5"});
      if (!loaded) {
        return to_status(ErrorCode::kNotFound, "OpenMP needs libomp (Debian: libomp5-19)",
                         loaded.takeError());
      }
      s.openmp = *loaded;
    }
    if (openmp) openmp_dylib = s.openmp;
  }

  orc::JITDylib& dylib =
      s.execution.createBareJITDylib(name + "#" + std::to_string(++s.n_programs));
  auto code = std::make_shared<LoadedCode>(shared_from_this(), dylib, link);
  orc::JITDylibSearchOrder order;
  order.emplace_back(&dylib, orc::JITDylibLookupFlags::MatchAllSymbols);
  for (const Program& other : link) {
    if (!other) continue;
    order.emplace_back(&other.code()->dylib(), orc::JITDylibLookupFlags::MatchExportedSymbolsOnly);
  }
  if (openmp_dylib != nullptr) {
    order.emplace_back(openmp_dylib, orc::JITDylibLookupFlags::MatchExportedSymbolsOnly);
  }
  order.emplace_back(s.process, orc::JITDylibLookupFlags::MatchExportedSymbolsOnly);
  dylib.setLinkOrder(std::move(order), false);

  const auto failed = [&](llvm::Error error) {
    std::string text = llvm::toString(std::move(error));
    const std::lock_guard lock(s.mutex);
    if (!s.missing.empty()) {
      std::string list;
      for (const std::string& symbol : s.missing) list += (list.empty() ? "" : ", ") + symbol;
      return Status(ErrorCode::kNotFound, "defined nowhere: " + list);
    }
    return Status(ErrorCode::kMalformed,
                  "cannot link " + name + ": " + (s.reported.empty() ? text : s.reported));
  };

  const orc::ExecutorSymbolDef at_exit(orc::ExecutorAddr::fromPtr(&register_at_exit),
                                       llvm::JITSymbolFlags::Callable);
  if (llvm::Error error =
          dylib.define(orc::absoluteSymbols({{s.execution.intern("__cxa_atexit"), at_exit}}))) {
    return failed(std::move(error));
  }
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object), name);
  if (llvm::Error error = s.layer.add(dylib, std::move(buffer))) return failed(std::move(error));

  // Finding one symbol links the whole object.
  llvm::Expected<void*> init = code->find(kInitSymbol);
  if (!init) return failed(init.takeError());
  if (llvm::Expected<void*> handle = code->find("__dso_handle")) {
    code->set_dso_handle(*handle);
  } else {
    llvm::consumeError(handle.takeError());
  }
  reinterpret_cast<void (*)()>(*init)();
  return Program(std::move(code));
}

}  // namespace engineroom::jit
