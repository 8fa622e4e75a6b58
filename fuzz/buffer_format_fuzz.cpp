// fuzz/buffer_format_fuzz.cpp — any format that an exporter of memory may give: comparing it with
// what a memoryview wants ends, soon, with yes or with an exception.
//
// The first byte chooses what is wanted, the rest is the format. Seeds:
// fuzz/corpus/buffer_format_fuzz.

#include <cstddef>
#include <string>

#include "base/fuzz_input.h"
#include "runtime/buffer.h"

namespace er {
namespace {

constexpr ItemType kInt = {"int", sizeof(int), ItemGroup::kSigned};
constexpr ItemType kByte = {"char", 1, ItemGroup::kChar};
constexpr ItemType kDouble = {"double", sizeof(double), ItemGroup::kReal};
constexpr ItemType kObject = {"object", sizeof(void*), ItemGroup::kObject};
constexpr ItemType kTable = {"int", sizeof(int), ItemGroup::kSigned, nullptr, 0, 2, {2, 3}};
constexpr ItemType kText = {"char", 1, ItemGroup::kChar, nullptr, 0, 1, {8}};
constexpr ItemField kParts[] = {{&kDouble, "real", 0}, {&kDouble, "imag", sizeof(double)}};
constexpr ItemType kComplex = {"complex", 2 * sizeof(double), ItemGroup::kComplex, kParts, 2};
constexpr ItemField kInner[] = {{&kByte, "c", 0}, {&kInt, "i", 4}};
constexpr ItemType kPair = {"pair", 8, ItemGroup::kStruct, kInner, 2};
constexpr ItemField kOuter[] = {
    {&kPair, "pair", 0}, {&kTable, "table", 8}, {&kComplex, "z", 32}, {&kText, "text", 48}};
constexpr ItemType kWhole = {"whole", 56, ItemGroup::kStruct, kOuter, 4};
constexpr const ItemType* kTypes[] = {&kInt,  &kByte,    &kDouble, &kObject, &kTable,
                                      &kText, &kComplex, &kPair,   &kWhole};

}  // namespace
}  // namespace er

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace er;
  static const bool is_started = (Py_InitializeEx(0), true);
  FUZZ_REQUIRE(is_started);
  engineroom::FuzzInput input(data, size);
  const ItemType& item = *kTypes[input.byte() % std::size(kTypes)];
  std::string format(input.rest());
  Py_buffer buffer = {};
  buffer.ndim = 1;
  buffer.format = format.data();
  buffer.itemsize = static_cast<Py_ssize_t>(whole_size(item));
  const bool fits = buffer_fits(buffer, item, 1, false);
  FUZZ_REQUIRE(fits == (PyErr_Occurred() == nullptr));
  if (!fits) FUZZ_REQUIRE(PyErr_ExceptionMatches(PyExc_ValueError));
  PyErr_Clear();
  return 0;
}
