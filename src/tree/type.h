// tree/type.h — the types of compiled code: C's, and Python objects.
//
// Types are interned in a TypeTable: two equal types are the same pointer, so they are compared
// with
// ==. Structs, enums and extern typedefs are equal only to themselves.
//
// `name` is what messages call a type ("unsigned int", "double *", "list object"); `cpp` is how
// generated code spells it. Arrays and functions have no complete C++ spelling of their own (the
// name of what is declared stands inside), so declare() makes declarations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engineroom::tree {

enum class TypeKind : std::uint8_t {
  kVoid,
  kBint,  // a C int that is shown as True and False
  kInt,   // char to long long, size_t, int32_t …, extern integers
  kEnum,
  kFloat,
  kComplex,
  kPointer,
  kArray,
  kStruct,  // and unions
  kFunction,
  kObject,  // PyObject*, perhaps of a known class
  kView,    // double[:, ::1]: a typed memoryview
};

// What is known of an object's class. All but kAny may also be None.
enum class ObjectClass : std::uint8_t {
  kAny,
  kList,
  kTuple,
  kDict,
  kSet,
  kFrozenSet,
  kStr,
  kBytes,
  kByteArray,
  kInt,
  kFloat,
  kComplex,
  kBool,
  kSlice,
  kRange,
  kType,
  kException,
};

struct Type;
struct Variable;

struct Field {
  std::string name;
  std::string cpp;  // how C++ calls it
  const Type* type = nullptr;
};

// A class that is defined elsewhere, as a .pxd declares it: numpy.ndarray, which is a
// PyArrayObject.
struct ExtensionClass {
  const Type* type = nullptr;  // of its objects
  std::string module;          // of Python
  std::string name;
  std::string struct_cpp;
  std::vector<Field> fields;

  std::string full_name() const;
};

// How the memory of a buffer may be laid out.
enum class BufferMode : std::uint8_t { kFull, kStrided, kC, kFortran };

// np.ndarray[double, ndim=2]: an object whose memory is looked at as items of C.
struct BufferLayout {
  const Type* item = nullptr;
  std::string item_name;  // as it was written, for messages
  int n_dimensions = 1;
  BufferMode mode = BufferMode::kFull;
  bool has_negative_indices = true;
  bool is_cast = false;
};

// One axis of a memoryview: what is stored along it, and how far its items are apart.
enum class AxisAccess : std::uint8_t { kDirect, kPointer, kFull };
enum class AxisPacking : std::uint8_t { kContiguous, kStrided, kFollow };
struct Axis {
  AxisAccess access = AxisAccess::kDirect;
  AxisPacking packing = AxisPacking::kStrided;

  friend bool operator==(const Axis&, const Axis&) = default;
};

// What happens to an exception in a C function, as its callers see it.
enum class Except : std::uint8_t {
  kNever,       // noexcept: reported as unraisable, and forgotten
  kNull,        // returns an object: null means an exception
  kValue,       // this value always means one
  kMaybeValue,  // this value may mean one: ask PyErr_Occurred()
  kAlwaysAsk,   // ask PyErr_Occurred() after every call
  kCpp,         // throws C++ exceptions, which become Python's
};

struct Parameter {
  std::string name;  // may be empty in function pointers
  const Type* type = nullptr;
  bool is_optional = false;
};

// A name for an integer.
struct EnumItem {
  std::string name;
  std::string cpp;  // its value
};

// Of `long`, which is as large as a Py_ssize_t here.
inline constexpr int kRankOfLong = 4;

struct Type {
  TypeKind kind = TypeKind::kVoid;
  std::string name;
  std::string cpp;
  bool is_const = false;
  const Type* unqualified = nullptr;  // of a const type: the same without const

  // kInt: order of conversions: of two operands the one with the higher rank wins, unsigned if
  // equal. kFloat: float 1, double 2, long double 3.
  int rank = 0;
  bool is_signed = true;
  // kInt: of an extern typedef: its size and sign are known to the C++ compiler only.
  bool is_extern = false;

  // kPointer, kArray: what it points to or holds. kComplex: its parts. kFunction: the result.
  // kObject with a buffer: the object. kView: the items, perhaps const.
  const Type* base = nullptr;
  std::size_t size = 0;  // kArray
  // kArray: its size as C++ spells it, where only C++ knows the number; `size` is 0 then.
  std::string c_size;

  // kStruct.
  std::vector<Field> fields;
  bool is_union = false;
  bool is_tuple = false;  // (int, double): fields without names, a tuple as an object
  bool is_packed = false;
  bool is_complete = true;

  // kEnum. A cpdef enum is a class in a module of Python.
  std::vector<EnumItem> items;
  std::string python_module;
  bool is_scoped = false;  // enum class

  // kFunction.
  std::vector<Parameter> parameters;
  bool has_varargs = false;
  Except except = Except::kNever;
  std::string except_value;  // as C++
  bool is_nogil = false;

  // kComplex: what a ** b of doubles is: an object of it is a float unless it has an imaginary
  // part.
  bool is_soft = false;

  // kObject.
  ObjectClass object_class = ObjectClass::kAny;
  const ExtensionClass* extension = nullptr;  // null: none, or one of ObjectClass
  // Of variables whose memory is looked at; `base` is the type of the object itself.
  const BufferLayout* buffer = nullptr;

  // kView. The items are called as they were written, which typedefs are not otherwise.
  std::vector<Axis> axes;
  std::string item_name;

  bool is_object() const { return kind == TypeKind::kObject; }
  const Type& without_const() const { return unqualified != nullptr ? *unqualified : *this; }
  bool is_integral() const {
    return kind == TypeKind::kInt || kind == TypeKind::kEnum || kind == TypeKind::kBint;
  }
  bool is_float() const { return kind == TypeKind::kFloat; }
  bool is_complex() const { return kind == TypeKind::kComplex; }
  bool is_numeric() const { return is_integral() || is_float() || is_complex(); }
  bool is_pointer() const { return kind == TypeKind::kPointer; }
  bool is_void() const { return kind == TypeKind::kVoid; }
  bool is_view() const { return kind == TypeKind::kView; }
  // Values of it hold a reference, or borrow one.
  bool is_counted() const { return is_object() || is_view(); }
  // A view of which an axis may hold pointers.
  bool is_indirect() const;
  // A view that is contiguous as a whole, in the order of C or Fortran.
  bool is_c_contiguous() const;
  bool is_fortran_contiguous() const;
  // A pointer, or an array, which becomes one.
  bool is_pointer_like() const { return is_pointer() || kind == TypeKind::kArray; }
  // char, signed or unsigned: what bytes are made of.
  bool is_char() const { return kind == TypeKind::kInt && rank == 1; }
  bool is_char_pointer() const { return is_pointer() && base->is_char(); }
  bool is_char_pointer_like() const { return is_pointer_like() && base->is_char(); }

  // kArray: of how many items, as C++ spells it.
  std::string size_text() const { return c_size.empty() ? std::to_string(size) : c_size; }

  const Field* find_field(std::string_view field) const;
};

// "double (*f)[3]" for f, as C++ declares it.
std::string declare(const Type& type, std::string_view name);

class TypeTable {
 public:
  TypeTable();
  TypeTable(const TypeTable&) = delete;
  TypeTable& operator=(const TypeTable&) = delete;

  const Type* void_type() const { return void_; }
  const Type* bint() const { return bint_; }
  const Type* object(ObjectClass object_class = ObjectClass::kAny) const;
  // Of expressions in which an error was reported: an object, as far as anybody looks at it. A tree
  // that is compiled has none.
  const Type* error() const { return error_; }
  // By C++ spelling: "int", "unsigned char", "Py_ssize_t", "int64_t" …; null if there is none.
  const Type* find_int(std::string_view cpp) const;
  const Type* int_type() const { return int_; }
  const Type* long_type() const { return long_; }
  const Type* py_ssize_t() const { return py_ssize_t_; }
  const Type* char_type() const { return char_; }
  const Type* ucs4() const { return ucs4_; }
  const Type* float_type() const { return float_; }
  const Type* double_type() const { return double_; }
  const Type* long_double() const { return long_double_; }
  const Type* complex_of(const Type* part);
  const Type* soft_complex() const { return soft_complex_; }
  const Type* pointer_to(const Type* base);
  const Type* array_of(const Type* element, std::size_t size);
  // Of as many items as C++ says.
  const Type* array_of(const Type* element, const std::string& c_size);
  const Type* tuple_of(const std::vector<const Type*>& items);
  const Type* const_of(const Type* type);
  const Type* function(const Type* result, std::vector<Parameter> parameters, bool has_varargs,
                       Except except, std::string except_value, bool is_nogil);
  // Each call makes a new type.
  Type* new_struct(std::string name, std::string cpp);
  Type* new_enum(std::string name, std::string cpp, std::string python_module);
  // Types that C++ knows under this name: declared twice, they are still one.
  Type* extern_struct(std::string name, std::string cpp);
  Type* extern_enum(std::string name, std::string cpp, std::string python_module);
  // `like` tells its rank and sign.
  const Type* extern_int(std::string name, std::string cpp, const Type& like);
  const Type* extern_float(std::string name, std::string cpp, const Type& like);

  // Declared twice, it is still one.
  const Type* extension(ExtensionClass extension);
  const Type* view_of(const Type* item, std::vector<Axis> axes, std::string item_name = "");
  // A view of the same items.
  const Type* view_like(const Type& view, std::vector<Axis> axes) {
    return view_of(view.base, std::move(axes), view.item_name);
  }
  // Each call makes a new type.
  const Type* new_buffer(const Type* object, BufferLayout layout);

  // What C makes of two arithmetic operands. REQUIRES: both are numeric.
  const Type* common(const Type* a, const Type* b);

 private:
  const Type* add_int(std::string name, std::string cpp, int rank, bool is_signed);
  Type* add(Type type);

  std::deque<Type> types_;
  std::deque<ExtensionClass> extensions_;
  std::deque<BufferLayout> layouts_;
  std::map<std::string, const Type*, std::less<>> ints_;
  std::map<std::string, const Type*> derived_;  // by a key that says how they were made
  std::vector<const Type*> objects_;            // by ObjectClass
  const Type* error_;
  const Type* void_;
  const Type* bint_;
  const Type* int_;
  const Type* long_;
  const Type* py_ssize_t_;
  const Type* char_;
  const Type* ucs4_;
  const Type* float_;
  const Type* double_;
  const Type* long_double_;
  const Type* soft_complex_;
};

}  // namespace engineroom::tree
