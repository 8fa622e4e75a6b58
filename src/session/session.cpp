#include "session/session.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "session/native_flags.h"

namespace engineroom::session {
namespace {

// FNV-1a.
std::uint32_t hash_of(std::uint32_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return (hash ^ 0xff) * 16777619u;
}

void run_clang(jit::Compiler& compiler, const Request& request, jit::CompileJob job, Cell& cell) {
  job.source = cell.translation.cpp;
  job.name = request.file;
  job.headers = cell.translation.headers;
  add_distutils(cell.translation.distutils, job);
  settle_flags(job);
  job.openmp = job.openmp || cell.translation.uses_openmp;
  Result<jit::Program> program = compiler.compile(job, cell.report);
  cell.ok = program.ok();
  if (program.ok())
    cell.program = program.take();
  else
    cell.status = program.status();
}

void add_names(const Translation& cell, sema::Scope& names) {
  for (const std::string& name : cell.bound_names) names.names.erase(name);
  for (const auto& [name, symbol] : cell.exports->scope.names)
    names.names.insert_or_assign(name, symbol);
}

}  // namespace

Cell compile(jit::Compiler& compiler, const Request& request, jit::CompileJob native) {
  Cell cell;
  cell.translation = translate(request);
  if (cell.translation.ok) run_clang(compiler, request, std::move(native), cell);
  return cell;
}

Session::Session(std::shared_ptr<jit::Compiler> compiler)
    : compiler_(std::move(compiler)), types_(std::make_shared<tree::TypeTable>()) {}

// Equal texts get equal ids in other processes, which then find the object in the cache; in this
// session each text gets one of its own.
std::string Session::new_id(const Request& request) {
  std::uint32_t hash = hash_of(2166136261u, request.text);
  hash = hash_of(hash, request.module);
  hash = hash_of(hash, std::to_string(static_cast<int>(request.level)));
  for (const auto& [key, value] : request.directives) hash = hash_of(hash_of(hash, key), value);
  std::string id;
  for (int shift = 28; shift >= 0; shift -= 4) id += "0123456789abcdef"[(hash >> shift) & 15];
  const int n = ++n_of_id_[id];
  return n == 1 ? id : id + "_" + std::to_string(n);
}

Cell Session::compile(const Request& request, jit::CompileJob native) {
  const std::lock_guard lock(mutex_);
  return compile_with(names_, request, std::move(native));
}

Cell Session::compile_after(const std::vector<Cell>& earlier, const Request& request,
                            jit::CompileJob native) {
  const std::lock_guard lock(mutex_);
  sema::Scope names;
  for (const Cell& cell : earlier) add_names(cell.translation, names);
  return compile_with(names, request, std::move(native));
}

// With mutex_ held: Clang does one job at a time anyway.
Cell Session::compile_with(const sema::Scope& names, const Request& request,
                           jit::CompileJob native) {
  Cell cell;
  cell.id = new_id(request);
  const Earlier earlier = {&names, types_, cell.id};
  cell.translation = translate(request, &earlier);
  if (!cell.translation.ok) return cell;
  const std::shared_ptr<Exports>& exports = cell.translation.exports;
  for (const auto& used : exports->declarations->uses) {
    const Known& known = cells_.at(used.get());
    cell.uses.push_back(known.id);
    native.link.push_back(known.program);
  }
  run_clang(*compiler_, request, std::move(native), cell);
  if (cell.ok) cells_[exports->declarations.get()] = {cell.id, cell.program, exports};
  return cell;
}

void Session::keep(const Cell& cell) {
  const std::lock_guard lock(mutex_);
  add_names(cell.translation, names_);
}

}  // namespace engineroom::session
