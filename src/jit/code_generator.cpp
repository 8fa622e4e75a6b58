#include "jit/code_generator.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include "jit/linker.h"

namespace engineroom::jit {
namespace {

// Errors that LLVM finds after Clang: bad inline assembly, for one. Without a handler it would end
// the process.
class BackEndErrors {
 public:
  explicit BackEndErrors(llvm::LLVMContext& context) : context_(context) {
    context_.setDiagnosticHandlerCallBack(
        [](const llvm::DiagnosticInfo* info, void* self) {
          if (info->getSeverity() != llvm::DS_Error) return;
          llvm::raw_string_ostream stream(static_cast<BackEndErrors*>(self)->text_);
          llvm::DiagnosticPrinterRawOStream printer(stream);
          info->print(printer);
        },
        this);
  }
  ~BackEndErrors() { context_.setDiagnosticHandlerCallBack(nullptr, nullptr); }

  Status status() const {
    return text_.empty() ? Status() : Status(ErrorCode::kInvalidArgument, text_);
  }

 private:
  llvm::LLVMContext& context_;
  std::string text_;
};

// The functions of llvm.global_ctors, those of lower priority number first; removes the list.
std::vector<llvm::Function*> take_constructors(llvm::Module& module) {
  llvm::GlobalVariable* list = module.getGlobalVariable("llvm.global_ctors");
  if (list == nullptr) return {};
  // By priority, then in the list's order.
  std::map<std::uint64_t, std::vector<llvm::Function*>> by_priority;
  if (const auto* array = llvm::dyn_cast<llvm::ConstantArray>(list->getInitializer())) {
    for (const llvm::Use& use : array->operands()) {
      const auto* entry = llvm::cast<llvm::ConstantStruct>(use.get());
      auto* function = llvm::dyn_cast<llvm::Function>(entry->getOperand(1)->stripPointerCasts());
      if (function == nullptr) continue;
      const auto* priority = llvm::cast<llvm::ConstantInt>(entry->getOperand(0));
      by_priority[priority->getZExtValue()].push_back(function);
    }
  }
  list->eraseFromParent();
  std::vector<llvm::Function*> result;
  for (const auto& [priority, functions] : by_priority) {
    result.insert(result.end(), functions.begin(), functions.end());
  }
  return result;
}

void add_init_function(llvm::Module& module) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* nothing = llvm::Type::getVoidTy(context);
  llvm::Function* init =
      llvm::Function::Create(llvm::FunctionType::get(nothing, false),
                             llvm::Function::ExternalLinkage, kInitSymbol, module);
  init->setUWTableKind(llvm::UWTableKind::Default);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "entry", init));
  for (llvm::Function* constructor : take_constructors(module)) builder.CreateCall(constructor);
  builder.CreateRetVoid();

  // What tells the destructors of one program from those of another. A linker would define it.
  if (llvm::GlobalVariable* handle = module.getGlobalVariable("__dso_handle");
      handle != nullptr && handle->isDeclaration()) {
    handle->setInitializer(llvm::Constant::getNullValue(handle->getValueType()));
    handle->setVisibility(llvm::GlobalValue::DefaultVisibility);
  }
}

constexpr unsigned kLoopAlignment = 32;  // bytes

// What is run at optimization 2. LLVM's own pipeline for -O2 simplifies each function before and
// after others are inlined into it, and most passes two to six times. What cells are made of, calls
// into Python and tests of what they return, gains nothing by that: this one leaves as fast code in
// two thirds of the time. Optimization 3 is LLVM's.
constexpr const char* kPasses =
    // Small functions are inlined while they are still cheap to copy, and then never looked at.
    "inferattrs,always-inline,"
    "function<eager-inv>(lower-expect,simplifycfg,sroa<modify-cfg>,early-cse<>),"
    "require<globals-aa>,function(invalidate<aa>),require<profile-summary>,"
    "cgscc(inline,function-attrs<skip-non-recursive-function-attrs>),globaldce,"
    // Scalars.
    "function<eager-inv>("
    "sroa,early-cse<memssa>,jump-threading,correlated-propagation,simplifycfg,"
    "instcombine<no-verify-fixpoint>,tailcallelim,reassociate,constraint-elimination,"
    "loop-mssa(loop-instsimplify,loop-simplifycfg,licm,loop-rotate,licm,simple-loop-unswitch),"
    "simplifycfg,loop(loop-idiom,indvars,loop-deletion,loop-unroll-full),sroa,gvn,bdce,"
    "instcombine<no-verify-fixpoint>,jump-threading,adce,memcpyopt,dse,loop-mssa(licm),"
    "simplifycfg,instcombine<no-verify-fixpoint>),"
    // Vectors.
    "globaldce,function<eager-inv>("
    "float2int,loop(loop-rotate,loop-deletion),loop-vectorize,infer-alignment,"
    "instcombine<no-verify-fixpoint>,simplifycfg,slp-vectorizer,loop-unroll,loop-sink,"
    "instsimplify,div-rem-pairs,simplifycfg),globaldce,constmerge";

llvm::OptimizationLevel optimization_level(int level) {
  switch (level) {
    case 0:
      return llvm::OptimizationLevel::O0;
    case 1:
      return llvm::OptimizationLevel::O1;
    case 2:
      return llvm::OptimizationLevel::O2;
    default:
      return llvm::OptimizationLevel::O3;
  }
}

llvm::CodeGenOptLevel code_generation_level(int level) {
  switch (level) {
    case 0:
      return llvm::CodeGenOptLevel::None;
    case 1:
      return llvm::CodeGenOptLevel::Less;
    case 2:
      return llvm::CodeGenOptLevel::Default;
    default:
      return llvm::CodeGenOptLevel::Aggressive;
  }
}

Result<std::string> emit(llvm::TargetMachine& machine, llvm::Module& module,
                         llvm::CodeGenFileType type) {
  const BackEndErrors errors(module.getContext());
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  // Which names are those of the C library, so that sqrt(x) is an instruction.
  passes.add(new llvm::TargetLibraryInfoWrapperPass(
      llvm::TargetLibraryInfoImpl(llvm::Triple(module.getTargetTriple()))));
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type)) {
    return Status(ErrorCode::kInvalidArgument, "LLVM cannot write such a file for this processor");
  }
  passes.run(module);
  if (Status status = errors.status(); !status.ok()) return status;
  return std::string(bytes.begin(), bytes.end());
}

// What a vectorized loop leaves over, up to 31 turns of doubles, is vectorized again, more
// narrowly. LLVM does so for 16 numbers a vector; where rows are a few hundred long, so many are
// worth it, too.
void vectorize_epilogues() {
  const auto& options = llvm::cl::getRegisteredOptions();
  const auto found = options.find("epilogue-vectorization-minimum-VF");
  if (found != options.end()) found->second->addOccurrence(0, found->first(), "4");
}

}  // namespace

CodeGenerator::CodeGenerator() {
  static std::once_flag once;
  std::call_once(once, [] {
    vectorize_epilogues();
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

CodeGenerator::~CodeGenerator() = default;

Result<llvm::TargetMachine*> CodeGenerator::machine(int level) {
  std::unique_ptr<llvm::TargetMachine>& slot =
      machines_[static_cast<std::size_t>(std::clamp(level, 0, 3))];
  if (slot) return slot.get();
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder) return Status(ErrorCode::kIo, llvm::toString(builder.takeError()));
  builder->setRelocationModel(llvm::Reloc::PIC_);
  // A program is loaded in one piece; what it uses of others is reached by way of its own GOT. LLVM
  // would otherwise assume that each of its own symbols may be anywhere.
  builder->setCodeModel(llvm::CodeModel::Small);
  builder->setCodeGenOptLevel(code_generation_level(level));
  builder->getOptions().EmulatedTLS = true;
  // A loop of a few instructions that crosses a boundary takes twice as long per turn.
  builder->getOptions().LoopAlignment = kLoopAlignment;
  auto made = builder->createTargetMachine();
  if (!made) return Status(ErrorCode::kIo, llvm::toString(made.takeError()));
  slot = std::move(*made);
  return slot.get();
}

Status CodeGenerator::optimize(Unit& unit, int level) {
  Result<llvm::TargetMachine*> target = machine(level);
  if (!target.ok()) return target.status();
  llvm::Module& module = *unit.module;
  const BackEndErrors errors(module.getContext());
  add_init_function(module);

  // As Clang sets them from -O2 on.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopInterleaving = level >= 2;
  tuning.LoopVectorization = tuning.SLPVectorization = level >= 2;
  tuning.CallGraphProfile = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(target.value(), tuning);
  const llvm::TargetLibraryInfoImpl library(llvm::Triple(module.getTargetTriple()));
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (level == 0) {
    passes = builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0);
  } else if (level == 2) {
    llvm::cantFail(builder.parsePassPipeline(passes, kPasses));
  } else {
    passes = builder.buildPerModuleDefaultPipeline(optimization_level(level));
  }
  passes.run(module, modules);
  return errors.status();
}

const char* CodeGenerator::passes(int level) { return level == 2 ? kPasses : ""; }

Result<std::string> CodeGenerator::object(Unit& unit, int level) {
  Result<llvm::TargetMachine*> target = machine(level);
  if (!target.ok()) return target.status();
  return emit(*target.value(), *unit.module, llvm::CodeGenFileType::ObjectFile);
}

Result<std::string> CodeGenerator::assembly(const Unit& unit, int level) {
  Result<llvm::TargetMachine*> target = machine(level);
  if (!target.ok()) return target.status();
  const std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*unit.module);
  return emit(*target.value(), *copy, llvm::CodeGenFileType::AssemblyFile);
}

std::string CodeGenerator::ir(const Unit& unit) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  unit.module->print(stream, nullptr);
  return text;
}

}  // namespace engineroom::jit
