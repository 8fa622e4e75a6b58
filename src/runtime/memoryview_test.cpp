// Views of memory that Python's own classes lend, in a program that has Python inside.
#include "runtime/memoryview.h"

#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/loan.h"
#include "runtime/ref.h"

namespace er {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ItemType kInt = {"int", sizeof(int), ItemGroup::kSigned};
constexpr ItemType kObjectItem = {"object", sizeof(PyObject*), ItemGroup::kObject};
constexpr Axis kStrided[] = {{AxisAccess::kDirect, AxisPacking::kStrided},
                             {AxisAccess::kDirect, AxisPacking::kStrided}};
constexpr Axis kPackedC[] = {{AxisAccess::kDirect, AxisPacking::kFollow},
                             {AxisAccess::kDirect, AxisPacking::kContiguous}};

PyObject* int_to_object(const char* item) {
  return PyLong_FromLong(*reinterpret_cast<const int*>(item));
}
bool int_from_object(PyObject* o, char* item) {
  const long value = PyLong_AsLong(o);
  *reinterpret_cast<int*>(item) = static_cast<int>(value);
  return value != -1 || PyErr_Occurred() == nullptr;
}

ViewSpec ints(int n, const Axis* axes = kStrided) {
  return {&kInt, n, axes, true, axes == kPackedC, false, int_to_object, int_from_object};
}

// The text of the exception that is set, which goes.
std::string error() {
  PyObject* type;
  PyObject* value;
  PyObject* traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return "";
  const Ref text(PyObject_Str(value != nullptr ? value : type));
  const std::string message =
      std::string(reinterpret_cast<PyTypeObject*>(type)->tp_name) + ": " + PyUnicode_AsUTF8(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  return message;
}

class MemoryviewTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { Py_Initialize(); }

  void SetUp() override {
    names_ = Ref(PyDict_New());
    PyDict_SetItemString(names_, "__builtins__", PyEval_GetBuiltins());
    PyDict_SetItemString(names_, "array", reinterpret_cast<PyObject*>(array_type()));
    PyDict_SetItemString(names_, "view", reinterpret_cast<PyObject*>(memoryview_type()));
    run("import gc, sys, weakref\n"
        "def ints(*shape):\n"
        "    n = 1\n"
        "    for size in shape: n *= size\n"
        "    a = array(shape, 4, 'i')\n"
        "    flat = memoryview(a).cast('B').cast('i')\n"
        "    for i in range(n): flat[i] = i\n"
        "    return a\n"
        "def rows(v):\n"
        "    return [rows(r) for r in v] if getattr(v, 'ndim', 0) else v\n");
  }
  void TearDown() override { EXPECT_EQ(error(), ""); }

  void run(const char* text) {
    const Ref done(PyRun_String(text, Py_file_input, names_, names_));
    ASSERT_TRUE(done) << error();
  }
  Ref eval(const char* text) { return Ref(PyRun_String(text, Py_eval_input, names_, names_)); }
  // What Python prints of it, or its error.
  std::string shown(const char* text) {
    const Ref value = eval(text);
    if (!value) return error();
    const Ref repr(PyObject_Repr(value));
    return PyUnicode_AsUTF8(repr);
  }
  void set(const char* name, PyObject* value) { PyDict_SetItemString(names_, name, value); }

  Ref names_;
};

template <int N>
ViewRef<View<N>> acquired(PyObject* o, const ViewSpec& spec) {
  View<N> view;
  if (!acquire_view(any(view), o, spec)) view.memory = nullptr;
  return ViewRef<View<N>>(view);
}

// ---- from objects ----

TEST_F(MemoryviewTest, TakesTheLayoutOfWhatIsLent) {
  const Ref o = eval("ints(3, 4)");
  const ViewRef<View<2>> view = acquired<2>(o, ints(2));
  ASSERT_NE(view.memory, nullptr) << error();
  EXPECT_THAT(view.shape, ElementsAre(3, 4));
  EXPECT_THAT(view.strides, ElementsAre(16, 4));
  EXPECT_EQ(*reinterpret_cast<int*>(view.data + 16 + 8), 6);
}

TEST_F(MemoryviewTest, SaysWhatDoesNotFit) {
  EXPECT_EQ(acquired<1>(eval("ints(3, 4)"), ints(1)).memory, nullptr);
  EXPECT_EQ(error(), "ValueError: Buffer has wrong number of dimensions (expected 1, got 2)");
  EXPECT_EQ(acquired<1>(eval("array((3,), 8, 'd')"), ints(1)).memory, nullptr);
  EXPECT_EQ(error(), "ValueError: Buffer dtype mismatch, expected 'int' but got 'double'");
  EXPECT_EQ(acquired<1>(eval("3"), ints(1)).memory, nullptr);
  EXPECT_THAT(error(), HasSubstr("TypeError: a bytes-like object is required"));
  EXPECT_EQ(acquired<2>(eval("ints(4, 4).memview[:, ::2]"), ints(2, kPackedC)).memory, nullptr);
  EXPECT_EQ(error(), "ValueError: Buffer and memoryview are not contiguous in the same dimension.");
  EXPECT_EQ(acquired<2>(eval("ints(4, 4).memview[::2]"), ints(2, kPackedC)).memory, nullptr);
  EXPECT_EQ(error(), "ValueError: Buffer not C contiguous.");
  EXPECT_EQ(acquired<1>(eval("memoryview(bytes(8)).cast('i')"), ints(1)).memory, nullptr);
  EXPECT_THAT(error(), HasSubstr("not writable"));
}

TEST_F(MemoryviewTest, NoneIsAView) {
  const ViewRef<View<1>> view = acquired<1>(Py_None, ints(1));
  EXPECT_TRUE(view.is_none());
  View<1> copy = view.get();
  EXPECT_EQ(Ref(view_to_object(any(copy), ints(1), nullptr)).get(), Py_None);
}

TEST_F(MemoryviewTest, TheExporterLivesAsLongAsItsViews) {
  run("class Bytes(bytearray): pass\n"
      "o = Bytes(8)\n"
      "alive = weakref.ref(o)\n");
  constexpr ItemType kByte = {"unsigned char", 1, ItemGroup::kUnsigned};
  const ViewSpec spec = {&kByte, 1, kStrided, true, false, false, nullptr, nullptr};
  ViewRef<View<1>> view = acquired<1>(eval("o"), spec);
  ViewRef<View<1>> other;
  other.borrow(view);
  run("del o");
  view.reset();
  EXPECT_NE(shown("alive()"), "None");
  EXPECT_THAT(shown("alive().append(1)"), HasSubstr("BufferError"));
  other.reset();
  EXPECT_EQ(shown("alive()"), "None");
}

TEST_F(MemoryviewTest, CountsFromManyThreads) {
  run("class Bytes(bytearray): pass\n"
      "o = Bytes(8)\n"
      "alive = weakref.ref(o)\n");
  constexpr ItemType kByte = {"unsigned char", 1, ItemGroup::kUnsigned};
  const ViewSpec spec = {&kByte, 1, kStrided, true, false, false, nullptr, nullptr};
  ViewRef<View<1>> view = acquired<1>(eval("o"), spec);
  run("del o");
  Ref object(view_to_object(any(view), spec, nullptr));
  std::vector<std::thread> threads;
  Py_BEGIN_ALLOW_THREADS;
  for (int i = 0; i < 4; ++i) {
    ViewRef<View<1>> own;
    own.borrow(view);
    threads.emplace_back([mine = std::move(own), &object, &spec]() mutable {
      for (int n = 0; n < 2000; ++n) {
        ViewRef<View<1>> copy;
        copy.borrow(mine);
        if (n % 100 != 0) continue;
        const WithGil gil;
        copy = acquired<1>(object, spec);
      }
    });
  }
  view.reset();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  Py_END_ALLOW_THREADS;
  EXPECT_NE(shown("alive()"), "None");
  object.reset();
  EXPECT_EQ(shown("alive()"), "None");
}

// ---- to objects ----

TEST_F(MemoryviewTest, AnObjectConvertsItems) {
  ViewRef<View<2>> view = acquired<2>(eval("ints(2, 3)"), ints(2));
  set("v", Ref(view_to_object(any(view), ints(2), nullptr)));
  EXPECT_EQ(shown("str(v)"), "\"<MemoryView of 'array' object>\"");
  EXPECT_EQ(shown("(v.shape, v.strides, v.suboffsets, v.ndim, v.itemsize, v.nbytes, v.size)"),
            "((2, 3), (12, 4), (-1, -1), 2, 4, 24, 6)");
  EXPECT_EQ(shown("v[1, -1]"), "5");
  EXPECT_EQ(shown("v[1, 3]"), "IndexError: Out of bounds on buffer access (axis 1)");
  EXPECT_EQ(shown("v[5, :]"), "IndexError: Index out of bounds (axis 0)");
  EXPECT_EQ(shown("v[::0]"), "ValueError: Step may not be zero (axis 0)");
  EXPECT_EQ(shown("v[1.5]"), "TypeError: Cannot index with type '<class 'float'>'");
  EXPECT_EQ(shown("rows(v.T)"), "[[0, 3], [1, 4], [2, 5]]");
  EXPECT_EQ(shown("rows(v[::-1, 1:])"), "[[4, 5], [1, 2]]");
  EXPECT_EQ(shown("rows(v[..., 0])"), "[0, 3]");
  EXPECT_EQ(shown("rows(v[-100:100:100])"), "[[0, 1, 2]]");
  EXPECT_EQ(shown("(v.is_c_contig(), v.is_f_contig(), v.T.is_f_contig())"), "(True, False, True)");
  EXPECT_EQ(shown("rows(v.copy_fortran())"), "[[0, 1, 2], [3, 4, 5]]");
  EXPECT_EQ(shown("v.copy_fortran().strides"), "(4, 8)");
  EXPECT_EQ(shown("(v[0].count(1), v[0].index(2), isinstance(v, __import__('collections').abc"
                  ".Sequence))"),
            "(1, 2, True)");
  EXPECT_EQ(shown("__import__('pickle').dumps(v)"),
            "TypeError: no default __reduce__ due to non-trivial __cinit__");
  EXPECT_EQ(shown("memoryview(v).tolist()"), "[[0, 1, 2], [3, 4, 5]]");
  EXPECT_EQ(shown("bytes(v.T) == bytes(memoryview(v.T))"), "True");
}

TEST_F(MemoryviewTest, AnObjectIsAssignedTo) {
  run("v = ints(3, 3).memview\n"
      "v[0] = 7\n"
      "v[1, 1] = -1\n"
      "v[:, 2] = v[1]\n");
  EXPECT_EQ(shown("rows(v)"), "[[7, 7, 3], [3, -1, -1], [6, 7, 5]]");
  EXPECT_THAT(shown("v.__setitem__(slice(None), ints(2, 3))"),
              HasSubstr("got differing extents in dimension 0 (got 3 and 2)"));
  EXPECT_THAT(shown("v.__setitem__(0, array((3,), 8, 'd'))"),
              HasSubstr("cannot assign items of format 'd' to items of format 'i'"));
  EXPECT_THAT(shown("view(b'abc', 0x11c).__setitem__(0, 1)"),
              HasSubstr("TypeError: Cannot assign to read-only memoryview"));
}

TEST_F(MemoryviewTest, CyclesAreCollected) {
  run("class Bytes(bytearray): pass\n"
      "def cycle():\n"
      "    o = Bytes(8)\n"
      "    o.view = view(o, 0x11c)\n"
      "    o.part = o.view[1:]\n"
      "    return weakref.ref(o)\n"
      "alive = cycle()\n"
      "gc.collect()\n");
  EXPECT_EQ(shown("alive()"), "None");
}

// ---- arrays ----

TEST_F(MemoryviewTest, ArraysAreMadeFromPython) {
  EXPECT_EQ(shown("array((2, 3), 4, 'i', mode='fortran').strides"), "(4, 8)");
  EXPECT_EQ(shown("array((0,), 4, 'i')"), "ValueError: Invalid shape in axis 0: 0.");
  EXPECT_EQ(shown("array((), 4, 'i')"), "ValueError: Empty shape tuple for cython.array");
  EXPECT_EQ(shown("array((1,), 0, 'i')"), "ValueError: itemsize <= 0 for cython.array");
  EXPECT_EQ(shown("array((1,), 4, 'i', 'x')"),
            "ValueError: Invalid mode, expected 'c' or 'fortran', got x");
  EXPECT_THAT(shown("array((2**40, 2**40), 4, 'i')"), HasSubstr("MemoryError"));
  EXPECT_EQ(shown("array((2,), 8, 'O')[1]"), "None");
  EXPECT_EQ(shown("len(array((2, 3), 8, 'd'))"), "2");
  EXPECT_THAT(shown("array((2,), 8, 'd').nothing"), HasSubstr("AttributeError"));
}

TEST_F(MemoryviewTest, ArraysOfPointersDoNotOwnTheirMemory) {
  static int n_freed;
  n_freed = 0;
  int numbers[] = {1, 2, 3, 4};
  const Py_ssize_t shape[] = {2, 2};
  const Ref o(array_of_pointer(numbers, ints(2), shape, true));
  ASSERT_TRUE(o) << error();
  set("a", o);
  EXPECT_EQ(shown("rows(a)"), "[[1, 3], [2, 4]]");
  reinterpret_cast<ArrayObject*>(o.get())->callback_free_data = [](void*) { ++n_freed; };
  set("a", Py_None);
  EXPECT_EQ(n_freed, 0);
  const_cast<Ref&>(o).reset();
  EXPECT_EQ(n_freed, 1);
}

TEST_F(MemoryviewTest, FormatsOfStructs) {
  constexpr ItemType kDouble = {"double", 8, ItemGroup::kReal};
  constexpr ItemType kInts = {"int", 4, ItemGroup::kSigned, nullptr, 0, 2, {2, 3}};
  const ItemField natural_fields[] = {{&kInt, "a", 0}, {&kDouble, "b", 8}, {&kInts, "c", 16}};
  const ItemField packed_fields[] = {{&kInt, "a", 0}, {&kDouble, "b", 4}};
  const ItemType natural = {"s", 40, ItemGroup::kStruct, natural_fields, 3};
  const ItemType packed = {"p", 12, ItemGroup::kStruct, packed_fields, 2};
  EXPECT_STREQ(PyBytes_AS_STRING(Ref(format_of(natural)).get()), "T{i:a:d:b:(2,3)i:c:}");
  EXPECT_STREQ(PyBytes_AS_STRING(Ref(format_of(packed)).get()), "T{^i:a:^d:b:}");
}

// ---- copying ----

// n numbers, and a view of them.
struct Numbers {
  std::vector<int> data;
  View<2> view;

  Numbers(Py_ssize_t rows, Py_ssize_t columns) : data(static_cast<std::size_t>(rows * columns)) {
    std::iota(data.begin(), data.end(), 0);
    view.data = reinterpret_cast<char*>(data.data());
    view.shape[0] = rows;
    view.shape[1] = columns;
    view.strides[0] = columns * 4;
    view.strides[1] = 4;
  }
};

TEST_F(MemoryviewTest, CopiesBroadcast) {
  Numbers to(2, 3);
  Numbers row(1, 3);
  ASSERT_TRUE(copy_view(any(row.view), any(to.view), 4, false));
  EXPECT_THAT(to.data, ElementsAre(0, 1, 2, 0, 1, 2));
  Numbers column(2, 1);
  ASSERT_TRUE(copy_view(any(column.view), any(to.view), 4, false));
  EXPECT_THAT(to.data, ElementsAre(0, 0, 0, 1, 1, 1));
  const int seven = 7;
  ASSERT_TRUE(fill_view(any(to.view), &seven, 4, false));
  EXPECT_THAT(to.data, ElementsAre(7, 7, 7, 7, 7, 7));
}

TEST_F(MemoryviewTest, CopiesToItself) {
  Numbers a(3, 3);
  View<2> transposed = a.view;
  ASSERT_TRUE(transpose_view(any(transposed)));
  ASSERT_TRUE(copy_view(any(transposed), any(a.view), 4, false));
  EXPECT_THAT(a.data, ElementsAre(0, 3, 6, 1, 4, 7, 2, 5, 8));
  View<2> backwards = a.view;
  ASSERT_TRUE(slice_axis(&backwards.shape[0], &backwards.strides[0], &backwards.data,
                         {0, 0, -1, false, false, true}, 0));
  ASSERT_TRUE(copy_view(any(backwards), any(a.view), 4, false));
  EXPECT_THAT(a.data, ElementsAre(2, 5, 8, 1, 4, 7, 0, 3, 6));
}

TEST_F(MemoryviewTest, CopiesObjectsThatOverlap) {
  run("class Item: pass\n"
      "a = array((4,), 8, 'O')\n"
      "for i in range(4): a[i] = Item()\n"
      "alive = [weakref.ref(item) for item in a]\n"
      "a[1:] = a[:3]\n");
  EXPECT_EQ(shown("[r() is not None for r in alive]"), "[True, True, True, False]");
  EXPECT_EQ(shown("[a[i] is alive[max(i - 1, 0)]() for i in range(4)]"),
            "[True, True, True, True]");
  run("b = a.memview.copy()\n"
      "a[:] = None\n");
  EXPECT_EQ(shown("[r() is not None for r in alive]"), "[True, True, True, False]");
  run("del b");
  EXPECT_EQ(shown("[r() is not None for r in alive]"), "[False, False, False, False]");
}

TEST_F(MemoryviewTest, CopiesToNewMemory) {
  ViewRef<View<2>> view = acquired<2>(eval("ints(2, 3)"), ints(2));
  View<2> copy;
  ASSERT_TRUE(copy_contiguous(any(view), any(copy), ints(2), 'f'));
  const ViewRef<View<2>> own(copy);
  EXPECT_THAT(copy.strides, ElementsAre(4, 8));
  EXPECT_TRUE(is_contiguous(any(copy), 4, 'f'));
  EXPECT_FALSE(is_contiguous(any(copy), 4, 'c'));
  const int* data = reinterpret_cast<int*>(copy.data);
  EXPECT_THAT(std::vector<int>(data, data + 6), ElementsAre(0, 3, 1, 4, 2, 5));
}

// ---- pointers ----

TEST_F(MemoryviewTest, SlicesBehindPointers) {
  int rows[2][3] = {{0, 1, 2}, {3, 4, 5}};
  int* pointers[] = {rows[0], rows[1]};
  IndirectView<2> view;
  view.data = reinterpret_cast<char*>(pointers);
  view.shape[0] = 2;
  view.shape[1] = 3;
  view.strides[0] = sizeof(int*);
  view.strides[1] = sizeof(int);
  view.suboffsets[0] = 0;
  view.suboffsets[1] = -1;

  IndirectView<1> row;
  const ViewIndex second_row[] = {{ViewIndex::kIndex, {1, 0, 0, true, false, false}},
                                  {ViewIndex::kSlice, {1, 0, 0, true, false, false}}};
  ASSERT_TRUE(slice_view(any(view), any(row), second_row, 2));
  EXPECT_EQ(row.data, reinterpret_cast<char*>(&rows[1][1]));
  EXPECT_EQ(row.shape[0], 2);
  EXPECT_EQ(row.suboffsets[0], -1);

  IndirectView<1> column;
  const ViewIndex last_column[] = {{ViewIndex::kSlice, {}},
                                   {ViewIndex::kIndex, {-1, 0, 0, true, false, false}}};
  ASSERT_TRUE(slice_view(any(view), any(column), last_column, 2));
  EXPECT_EQ(column.data, reinterpret_cast<char*>(pointers));
  EXPECT_EQ(column.suboffsets[0], 8);

  EXPECT_FALSE(transpose_view(any(view)));
  EXPECT_EQ(error(), "ValueError: Cannot transpose memoryview with indirect dimensions");
  IndirectView<2> same = view;
  EXPECT_FALSE(fill_view(any(same), rows, 4, false));
  EXPECT_EQ(error(), "ValueError: Indirect dimensions not supported");
}

TEST_F(MemoryviewTest, SlicesLikePython) {
  const Ref text = eval("'0123456'");
  for (Py_ssize_t start = -9; start <= 9; ++start) {
    for (Py_ssize_t stop = -9; stop <= 9; ++stop) {
      for (Py_ssize_t step = -3; step <= 3; ++step) {
        if (step == 0) continue;
        char digits[] = "0123456";
        char* data = digits;
        Py_ssize_t size = 7;
        Py_ssize_t stride = 1;
        ASSERT_TRUE(slice_axis(&size, &stride, &data, {start, stop, step, true, true, true}, 0));
        std::string got;
        for (Py_ssize_t i = 0; i < size; ++i) got += data[i * stride];
        const Ref slice(PySlice_New(Ref(PyLong_FromSsize_t(start)), Ref(PyLong_FromSsize_t(stop)),
                                    Ref(PyLong_FromSsize_t(step))));
        const Ref wanted(PyObject_GetItem(text, slice));
        ASSERT_EQ(got, PyUnicode_AsUTF8(wanted)) << start << ":" << stop << ":" << step;
      }
    }
  }
}

TEST_F(MemoryviewTest, AxesHaveNames) {
  set("axis", Ref(axis_object({AxisAccess::kPointer, AxisPacking::kContiguous})));
  EXPECT_EQ(shown("axis"), "<contiguous and indirect>");
}

// ---- formats ----

std::string mismatch(std::string format) {
  Py_buffer buffer = {};
  buffer.ndim = 1;
  buffer.format = format.data();
  buffer.itemsize = sizeof(int);
  return buffer_fits(buffer, kInt, 1, false) ? "" : error();
}

TEST_F(MemoryviewTest, FormatsThatMakeNoSenseAreFoundOutSoon) {
  EXPECT_EQ(mismatch("T{i}"), "");
  EXPECT_EQ(mismatch("99999999999999T{}i"), "");
  EXPECT_THAT(mismatch("99999999999999T{x}i"), HasSubstr("next field is at offset"));
  EXPECT_THAT(mismatch("999999999T{999999999T{999999999T{x}}}i"), HasSubstr("next field is at"));
  std::string deep;
  for (int i = 0; i < 200000; ++i) deep += "T{";
  EXPECT_THAT(mismatch(deep), HasSubstr("Too many structs"));
  EXPECT_THAT(mismatch("\xe9"), HasSubstr("Does not understand character"));
}

}  // namespace
}  // namespace er
