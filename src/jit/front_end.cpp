#include "jit/front_end.h"

#include <utility>

#include <clang/AST/ASTConsumer.h>
#include <clang/Basic/Diagnostic.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Basic/Stack.h>
#include <clang/Basic/Version.h>
#include <clang/CodeGen/ModuleBuilder.h>
#include <clang/Driver/Compilation.h>
#include <clang/Driver/Driver.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/Utils.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <clang/Serialization/ASTWriter.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/VirtualFileSystem.h>
#include <llvm/TargetParser/Host.h>

namespace engineroom::jit {
namespace {

constexpr const char* kHeaderImage = "/engineroom/runtime.pch";
// Sets of flags to remember; then all are forgotten.
constexpr std::size_t kMaxInvocations = 64;

// -fwrapv: C integers wrap around, as in extensions that distutils compiles.
// -ffp-contract=off: a*b+c has the same value as in Python, whatever the processor can do.
// -falign-functions=32: where a function happens to lie would else change its speed by a fifth.
// -fno-semantic-interposition: a program's calls of its own functions need no indirection.
constexpr const char* kFlags[] = {
    "-std=c++20",           "-fPIC",    "-march=native",        "-fwrapv",
    "-ffp-contract=off",    "-DNDEBUG", "-falign-functions=32", "-fno-semantic-interposition",
    "-fno-stack-protector",
};

// ---- diagnostics ----

class Collector : public clang::DiagnosticConsumer {
 public:
  explicit Collector(std::vector<Diagnostic>& out) : out_(out) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                        const clang::Diagnostic& info) override {
    clang::DiagnosticConsumer::HandleDiagnostic(level, info);
    Diagnostic diagnostic;
    switch (level) {
      case clang::DiagnosticsEngine::Ignored:
      case clang::DiagnosticsEngine::Remark:
        return;
      case clang::DiagnosticsEngine::Note:
        diagnostic.severity = Severity::kNote;
        break;
      case clang::DiagnosticsEngine::Warning:
        diagnostic.severity = Severity::kWarning;
        break;
      case clang::DiagnosticsEngine::Error:
      case clang::DiagnosticsEngine::Fatal:
        diagnostic.severity = Severity::kError;
        break;
    }
    llvm::SmallString<128> text;
    info.FormatDiagnostic(text);
    diagnostic.message = std::string(text);
    if (info.getLocation().isValid() && info.hasSourceManager()) {
      const clang::SourceManager& sources = info.getSourceManager();
      // In a macro, where it is used: that is the line of the user's text.
      const clang::PresumedLoc place =
          sources.getPresumedLoc(sources.getExpansionLoc(info.getLocation()));
      if (place.isValid()) {
        diagnostic.file = place.getFilename();
        diagnostic.line = place.getLine();
        diagnostic.column = place.getColumn();
      }
    }
    out_.push_back(std::move(diagnostic));
  }

 private:
  std::vector<Diagnostic>& out_;
};

// "cell:3:7: error: …" of the first error.
Status first_error(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Severity::kError) {
      return Status(ErrorCode::kInvalidArgument, diagnostic.to_string());
    }
  }
  return Status(ErrorCode::kInvalidArgument, "Clang failed without saying why");
}

// ---- actions ----

// Keeps the precompiled header in memory. Clang's own action writes a file, and may take over the
// process's signal handlers to remove it.
class PrecompileAction : public clang::ASTFrontendAction {
 public:
  std::string take() { return std::string(buffer_->Data.begin(), buffer_->Data.end()); }
  bool complete() const { return buffer_ && buffer_->IsComplete; }

 protected:
  bool BeginSourceFileAction(clang::CompilerInstance& instance) override {
    instance.getLangOpts().CompilingPCH = true;
    return true;
  }
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& instance,
                                                        llvm::StringRef) override {
    buffer_ = std::make_shared<clang::PCHBuffer>();
    return std::make_unique<clang::PCHGenerator>(
        instance.getPreprocessor(), instance.getModuleCache(), kHeaderImage, "", buffer_,
        instance.getFrontendOpts().ModuleFileExtensions, false, false);
  }
  clang::TranslationUnitKind getTranslationUnitKind() override { return clang::TU_Prefix; }

 private:
  std::shared_ptr<clang::PCHBuffer> buffer_;
};

// Clang's own action would also set up a code generator, which CodeGenerator has ready.
class IrAction : public clang::ASTFrontendAction {
 public:
  explicit IrAction(llvm::LLVMContext& context) : context_(context) {}
  std::unique_ptr<llvm::Module> take() { return std::move(module_); }

 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& instance,
                                                        llvm::StringRef name) override {
    std::unique_ptr<clang::CodeGenerator> generator(
        clang::CreateLLVMCodeGen(instance.getDiagnostics(), name, &instance.getVirtualFileSystem(),
                                 instance.getHeaderSearchOpts(), instance.getPreprocessorOpts(),
                                 instance.getCodeGenOpts(), context_));
    generator_ = generator.get();
    return generator;
  }
  void EndSourceFileAction() override {
    if (!getCompilerInstance().getDiagnostics().hasErrorOccurred()) {
      module_.reset(generator_->ReleaseModule());
    }
  }

 private:
  llvm::LLVMContext& context_;
  clang::CodeGenerator* generator_ = nullptr;  // owned by the instance
  std::unique_ptr<llvm::Module> module_;
};

// All files that were read, in order.
class Inputs : public clang::DependencyCollector {
 public:
  bool needSystemDependencies() override { return true; }
  // The header's files are the business of HeaderCache.
  void attachToASTReader(clang::ASTReader&) override {}
  std::vector<FileStamp> stamps(const std::string& except) {
    std::vector<FileStamp> result;
    for (const std::string& path : getDependencies()) {
      if (path != except && path != kHeaderImage) result.push_back(FileStamp::of(path));
    }
    return result;
  }
};

// Clang knows some 600 functions of the C library, and a precompiled header makes it read the
// declarations of those in it for every job, used or not: half the time of a small job. So it is
// told not to know them, and its marks that LLVM is not to know them either are removed here. LLVM
// then optimizes calls of them by name, as it would have. What is lost are Clang's warnings for
// them, and `fma` as an instruction (`__builtin_fma` is one).
void add_builtins(llvm::Module& module) {
  for (llvm::Function& function : module) {
    function.removeFnAttr("no-builtins");
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      if (auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction)) {
        call->removeFnAttr(llvm::Attribute::NoBuiltin);
        call->removeFnAttr("no-builtins");
      }
    }
  }
  // The only ones for which code would be wrong.
  for (const char* name :
       {"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "getcontext", "vfork"}) {
    if (llvm::Function* function = module.getFunction(name)) {
      function->addFnAttr(llvm::Attribute::ReturnsTwice);
      for (llvm::User* user : function->users()) {
        if (auto* call = llvm::dyn_cast<llvm::CallBase>(user)) {
          call->addFnAttr(llvm::Attribute::ReturnsTwice);
        }
      }
    }
  }
}

bool only_for_source(const std::string& flag) {
  return flag.starts_with("-D") || flag.starts_with("-U") || flag.starts_with("-I") ||
         flag.starts_with("-include") || flag.starts_with("-isystem");
}

// Flags whose value is the next argument.
bool takes_value(const std::string& flag) {
  return flag == "-D" || flag == "-U" || flag == "-I" || flag == "-include" || flag == "-isystem";
}

std::vector<std::string> flags_for_header(const std::vector<std::string>& flags) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (takes_value(flags[i])) {
      ++i;
    } else if (!only_for_source(flags[i])) {
      result.push_back(flags[i]);
    }
  }
  return result;
}

}  // namespace

std::string Diagnostic::to_string() const {
  std::string result;
  if (!file.empty()) {
    result = file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": ";
  }
  switch (severity) {
    case Severity::kNote:
      result += "note: ";
      break;
    case Severity::kWarning:
      result += "warning: ";
      break;
    case Severity::kError:
      result += "error: ";
      break;
  }
  return result + message;
}

Unit::Unit() = default;
Unit::Unit(Unit&&) noexcept = default;
Unit& Unit::operator=(Unit&& other) noexcept {
  // The module first: it lives in the context.
  module = std::move(other.module);
  context = std::move(other.context);
  inputs = std::move(other.inputs);
  return *this;
}
Unit::~Unit() { module.reset(); }

// ---- command lines ----

struct FrontEnd::Invocations {
  std::shared_ptr<clang::CompilerInvocation> source;
  std::shared_ptr<clang::CompilerInvocation> header;
};

FrontEnd::FrontEnd(Options options) : options_(std::move(options)) {
  identity_ = clang::getClangFullVersion() + '\n' + llvm::sys::getHostCPUName().str();
  std::map<std::string, bool> sorted;
  const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (const auto& feature : features) sorted[feature.getKey().str()] = feature.getValue();
  for (const auto& [feature, present] : sorted) {
    if (present) identity_ += ' ' + feature;
  }
  for (const char* flag : kFlags) identity_ += std::string("\n") + flag;
  for (const std::string& dir : options_.include_dirs) identity_ += "\n-isystem" + dir;
  identity_ += '\n' + options_.clang_dir + '\n' + options_.header;
}

FrontEnd::~FrontEnd() = default;

std::vector<std::string> FrontEnd::base_arguments(const CompileJob& job) const {
  std::vector<std::string> arguments = {"clang++", "-c", "-Qunused-arguments", "-resource-dir",
                                        options_.clang_dir};
  arguments.insert(arguments.end(), std::begin(kFlags), std::end(kFlags));
  arguments.push_back("-O" + std::to_string(job.optimization));
  if (job.openmp) arguments.emplace_back("-fopenmp");
  const auto add_dirs = [&](const std::vector<std::string>& dirs) {
    for (const std::string& dir : dirs) arguments.insert(arguments.end(), {"-isystem", dir});
  };
  add_dirs(options_.include_dirs);
  if (const HeaderSet* set = header_set(job)) add_dirs(set->include_dirs);
  return arguments;
}

const HeaderSet* FrontEnd::header_set(const CompileJob& job) const {
  for (const HeaderSet& set : options_.header_sets)
    for (const std::string& header : job.headers)
      if (header.starts_with(set.prefix)) return &set;
  return nullptr;
}

std::string FrontEnd::header_flags(const CompileJob& job) const {
  // 1 to 3 differ in nothing that a header can see.
  std::string result = job.optimization == 0 ? "-O0" : "-O";
  if (job.openmp) result += " -fopenmp";
  if (const HeaderSet* set = header_set(job)) {
    result += '\n' + set->header;
    for (const std::string& dir : set->include_dirs) result += '\n' + dir;
  }
  for (const std::string& flag : flags_for_header(job.flags)) result += '\n' + flag;
  return result;
}

Result<const FrontEnd::Invocations*> FrontEnd::invocations(const CompileJob& job,
                                                           std::vector<Diagnostic>& diagnostics) {
  std::string key = std::to_string(job.optimization) + (job.openmp ? "o" : "");
  if (const HeaderSet* set = header_set(job)) key += set->prefix;
  for (const std::string& flag : job.flags) key += '\n' + flag;
  if (const auto found = invocations_.find(key); found != invocations_.end()) {
    return found->second.get();
  }

  Collector collector(diagnostics);
  clang::DiagnosticsEngine engine(new clang::DiagnosticIDs, new clang::DiagnosticOptions,
                                  &collector, false);
  const auto parse =
      [&](const std::vector<std::string>& flags,
          const std::string& language) -> std::shared_ptr<clang::CompilerInvocation> {
    std::vector<std::string> arguments = base_arguments(job);
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), {"-x", language, "source"});
    std::vector<const char*> pointers;
    pointers.reserve(arguments.size());
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    clang::driver::Driver driver(options_.clang_dir + "/../../../bin/clang",
                                 llvm::sys::getDefaultTargetTriple(), engine);
    driver.setCheckInputsExist(false);
    const std::unique_ptr<clang::driver::Compilation> compilation(
        driver.BuildCompilation(pointers));
    if (engine.hasErrorOccurred() || !compilation || compilation->getJobs().empty()) return nullptr;
    auto result = std::make_shared<clang::CompilerInvocation>();
    if (!clang::CompilerInvocation::CreateFromArgs(
            *result, compilation->getJobs().begin()->getArguments(), engine)) {
      return nullptr;
    }
    // Neither temporary files nor a crash report belong into a user's process.
    result->getFrontendOpts().UseTemporary = false;
    result->getFrontendOpts().DisableFree = false;
    // See add_builtins().
    result->getLangOpts().NoBuiltin = true;
    // They keep variables of blocks apart on the stack; there is little of that, and each marker
    // is a call that every pass looks at.
    result->getCodeGenOpts().DisableLifetimeMarkers = true;
    // "1 error generated."
    result->getDiagnosticOpts().ShowCarets = false;
    result->getLangOpts().PCHInstantiateTemplates = true;
    return result;
  };

  auto entry = std::make_unique<Invocations>();
  entry->source = parse(job.flags, "c++");
  if (entry->source) entry->header = parse(flags_for_header(job.flags), "c++-header");
  if (!entry->source || !entry->header) return first_error(diagnostics);
  if (invocations_.size() >= kMaxInvocations) invocations_.clear();
  return (invocations_[std::move(key)] = std::move(entry)).get();
}

// ---- text to IR ----

Result<HeaderImage> FrontEnd::precompile(const CompileJob& job,
                                         std::vector<Diagnostic>& diagnostics) {
  clang::noteBottomOfStack();
  Result<const Invocations*> found = invocations(job, diagnostics);
  if (!found.ok()) return found.status();

  auto invocation = std::make_shared<clang::CompilerInvocation>(*found.value()->header);
  const clang::InputKind kind(clang::Language::CXX, clang::InputKind::Source, false,
                              clang::InputKind::HeaderUnit_None, true);
  const HeaderSet* set = header_set(job);
  invocation->getFrontendOpts().Inputs = {
      clang::FrontendInputFile(set != nullptr ? set->header : options_.header, kind)};
  invocation->getFrontendOpts().ProgramAction = clang::frontend::GeneratePCH;

  Collector collector(diagnostics);
  clang::CompilerInstance instance;
  instance.setInvocation(std::move(invocation));
  instance.createDiagnostics(&collector, false);
  instance.createFileManager();
  const auto inputs = std::make_shared<Inputs>();
  instance.addDependencyCollector(inputs);
  PrecompileAction action;
  if (!instance.ExecuteAction(action) || !action.complete()) return first_error(diagnostics);
  return HeaderImage{.bytes = action.take(), .inputs = inputs->stamps("")};
}

Result<Unit> FrontEnd::compile(const CompileJob& job, std::string_view header,
                               std::vector<Diagnostic>& diagnostics) {
  clang::noteBottomOfStack();
  Result<const Invocations*> found = invocations(job, diagnostics);
  if (!found.ok()) return found.status();

  auto files =
      llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(llvm::vfs::getRealFileSystem());
  auto memory = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
  files->pushOverlay(memory);

  auto invocation = std::make_shared<clang::CompilerInvocation>(*found.value()->source);
  if (!header.empty()) {
    memory->addFileNoOwn(kHeaderImage, 0, llvm::MemoryBufferRef(header, kHeaderImage));
    invocation->getPreprocessorOpts().ImplicitPCHInclude = kHeaderImage;
    invocation->getPreprocessorOpts().DisablePCHOrModuleValidation =
        clang::DisableValidationForModuleKind::PCH;
  }
  for (const std::string& dir : job.include_dirs) {
    invocation->getHeaderSearchOpts().AddPath(dir, clang::frontend::Angled, false, true);
  }
  const llvm::MemoryBufferRef source(job.source, job.name);
  invocation->getFrontendOpts().Inputs = {
      clang::FrontendInputFile(source, clang::InputKind(clang::Language::CXX))};
  invocation->getFrontendOpts().ProgramAction = clang::frontend::EmitLLVMOnly;

  Unit unit;
  unit.context = std::make_unique<llvm::LLVMContext>();
  Collector collector(diagnostics);
  clang::CompilerInstance instance;
  instance.setInvocation(std::move(invocation));
  instance.createDiagnostics(&collector, false);
  instance.createFileManager(files);
  const auto inputs = std::make_shared<Inputs>();
  instance.addDependencyCollector(inputs);
  IrAction action(*unit.context);
  const bool done = instance.ExecuteAction(action);
  unit.module = action.take();
  if (!done || !unit.module) return first_error(diagnostics);
  add_builtins(*unit.module);
  unit.inputs = inputs->stamps(job.name);
  return unit;
}

}  // namespace engineroom::jit
