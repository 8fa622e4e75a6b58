#include "runtime/buffer.h"

#include <string_view>

#include "runtime/gil.h"

namespace er {

namespace {

// ---- the exporter's format against what is declared ----

// A place for one item of the format: a number, or an array of them.
struct Leaf {
  const ItemType* type;
  std::size_t offset;
  const ItemType* parent;  // null: the item is no struct
  const char* name;        // of the field
};

const char* shown(char c, bool is_complex) {
  switch (c) {
    case '?':
      return "'bool'";
    case 'c':
      return "'char'";
    case 'b':
      return "'signed char'";
    case 'B':
      return "'unsigned char'";
    case 'h':
      return "'short'";
    case 'H':
      return "'unsigned short'";
    case 'i':
      return "'int'";
    case 'I':
      return "'unsigned int'";
    case 'l':
      return "'long'";
    case 'L':
      return "'unsigned long'";
    case 'q':
      return "'long long'";
    case 'Q':
      return "'unsigned long long'";
    case 'f':
      return is_complex ? "'complex float'" : "'float'";
    case 'd':
      return is_complex ? "'complex double'" : "'double'";
    case 'g':
      return is_complex ? "'complex long double'" : "'long double'";
    case 'O':
      return "Python object";
    case 's':
    case 'p':
      return "a string";
    default:
      return "end";
  }
}

struct Layout {
  std::size_t native;
  std::size_t standard;
  std::size_t alignment;
  ItemGroup group;
};

Layout layout_of(char c) {
  switch (c) {
    case 'c':
      return {1, 1, 1, ItemGroup::kChar};
    case 'b':
    case 's':
    case 'p':
      return {1, 1, 1, ItemGroup::kSigned};
    case '?':
    case 'B':
      return {1, 1, 1, ItemGroup::kUnsigned};
    case 'h':
      return {sizeof(short), 2, alignof(short), ItemGroup::kSigned};
    case 'H':
      return {sizeof(short), 2, alignof(short), ItemGroup::kUnsigned};
    case 'i':
      return {sizeof(int), 4, alignof(int), ItemGroup::kSigned};
    case 'I':
      return {sizeof(int), 4, alignof(int), ItemGroup::kUnsigned};
    case 'l':
      return {sizeof(long), 4, alignof(long), ItemGroup::kSigned};
    case 'L':
      return {sizeof(long), 4, alignof(long), ItemGroup::kUnsigned};
    case 'q':
      return {sizeof(long long), 8, alignof(long long), ItemGroup::kSigned};
    case 'Q':
      return {sizeof(long long), 8, alignof(long long), ItemGroup::kUnsigned};
    case 'f':
      return {sizeof(float), 4, alignof(float), ItemGroup::kReal};
    case 'd':
      return {sizeof(double), 8, alignof(double), ItemGroup::kReal};
    case 'g':
      // Has no size in the standard modes.
      return {sizeof(long double), 0, alignof(long double), ItemGroup::kReal};
    default:
      return {sizeof(void*), sizeof(void*), alignof(void*), ItemGroup::kObject};
  }
}

// Reads a format, and compares each thing in it with the next place of the declared type.
class FormatCheck {
 public:
  FormatCheck(const ItemType& item, const char* format) : item_(item), at_(format) {}

  bool run() { return struct_body(false) && at_end(); }

 private:
  // ---- places ----

  // The one that comes next; false if all are taken.
  bool next_leaf(Leaf* leaf) const;
  static bool find_leaf(const ItemType& type, std::size_t offset, const ItemType* parent,
                        const char* name, std::size_t* skip, Leaf* leaf);
  bool at_end();

  // ---- reading ----

  bool struct_body(bool is_inner);
  bool inner_structs();
  bool array_shape();
  bool number(std::size_t* value);
  bool item(char c, bool is_complex);
  bool one(char c, bool is_complex);
  bool string(std::size_t size);

  bool mismatch(char c, bool is_complex);
  template <typename... Args>
  bool fail(const char* message, Args... args) {
    PyErr_Format(PyExc_ValueError, message, args...);
    return false;
  }

  const ItemType& item_;
  const char* at_;
  std::size_t n_taken_ = 0;  // places
  // The next place is a complex number that the format gives as two reals: which is next.
  bool is_split_ = false;
  int half_ = 0;
  std::size_t offset_ = 0;
  std::size_t count_ = 1;
  char mode_ = '@';
  std::size_t struct_alignment_ = 0;
  bool has_shape_ = false;
  static constexpr int kMaxDepth = 100;
  int depth_ = 0;  // of structs in structs
};

bool FormatCheck::find_leaf(const ItemType& type, std::size_t offset, const ItemType* parent,
                            const char* name, std::size_t* skip, Leaf* leaf) {
  if (type.group == ItemGroup::kStruct && type.n_dimensions == 0) {
    for (int i = 0; i < type.n_fields; ++i) {
      const ItemField& field = type.fields[i];
      if (find_leaf(*field.type, offset + field.offset, &type, field.name, skip, leaf)) return true;
    }
    return false;
  }
  if (*skip > 0) {
    --*skip;
    return false;
  }
  *leaf = {&type, offset, parent, name};
  return true;
}

bool FormatCheck::next_leaf(Leaf* leaf) const {
  std::size_t skip = n_taken_;
  if (!find_leaf(item_, 0, nullptr, nullptr, &skip, leaf)) return false;
  if (is_split_) {
    const ItemType* whole = leaf->type;
    const ItemField& field = whole->fields[half_];
    *leaf = {field.type, leaf->offset + field.offset, whole, field.name};
  }
  return true;
}

bool FormatCheck::mismatch(char c, bool is_complex) {
  Leaf leaf;
  if (!next_leaf(&leaf))
    return fail("Buffer dtype mismatch, expected end but got %s", shown(c, is_complex));
  if (leaf.parent == nullptr)
    return fail("Buffer dtype mismatch, expected '%s' but got %s", leaf.type->name,
                shown(c, is_complex));
  return fail("Buffer dtype mismatch, expected '%s' but got %s in '%s.%s'", leaf.type->name,
              shown(c, is_complex), leaf.parent->name, leaf.name);
}

bool FormatCheck::at_end() {
  Leaf leaf;
  return !next_leaf(&leaf) || mismatch(0, false);
}

bool FormatCheck::number(std::size_t* value) {
  if (*at_ < '0' || *at_ > '9')
    return fail("Does not understand character buffer dtype format string ('%c')",
                static_cast<unsigned char>(*at_));
  *value = 0;
  while (*at_ >= '0' && *at_ <= '9') {
    *value = *value * 10 + static_cast<std::size_t>(*at_++ - '0');
    if (*value > static_cast<std::size_t>(PY_SSIZE_T_MAX) / 16)
      return fail("Buffer dtype mismatch, expected end but got %s", "too many items");
  }
  return true;
}

// "(2,3)" before an item.
bool FormatCheck::array_shape() {
  ++at_;
  if (count_ != 1) return fail("Cannot handle repeated arrays in format string");
  Leaf leaf;
  if (!next_leaf(&leaf)) return mismatch(0, false);
  const int n_wanted = leaf.type->n_dimensions;
  int n = 0;
  while (*at_ != 0 && *at_ != ')') {
    if (*at_ == ' ') {
      ++at_;
      continue;
    }
    std::size_t size;
    if (!number(&size)) return false;
    if (n < n_wanted && size != leaf.type->shape[n])
      return fail("Expected a dimension of size %zu, got %zu", leaf.type->shape[n], size);
    if (*at_ != ',' && *at_ != ')')
      return fail("Expected a comma in format string, got '%c'", static_cast<unsigned char>(*at_));
    if (*at_ == ',') ++at_;
    ++n;
  }
  if (n != n_wanted) return fail("Expected %d dimension(s), got %d", n_wanted, n);
  if (*at_ == 0) return fail("Unexpected end of format string, expected ')'");
  ++at_;
  has_shape_ = true;
  return true;
}

bool FormatCheck::inner_structs() {
  const std::size_t n = count_;
  const std::size_t alignment = struct_alignment_;
  if (++depth_ > kMaxDepth) return fail("Too many structs in structs in a format string");
  count_ = 1;
  if (*++at_ != '{') return fail("Buffer acquisition: Expected '{' after 'T'");
  ++at_;
  const char* start = at_;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t n_taken = n_taken_;
    const std::size_t offset = offset_;
    at_ = start;
    struct_alignment_ = 0;
    if (!struct_body(true)) return false;
    // Nothing but padding: more of it changes nothing.
    if (n_taken_ == n_taken && (offset_ == offset || offset_ > whole_size(item_))) break;
  }
  --depth_;
  if (alignment != 0) struct_alignment_ = alignment;
  return true;
}

bool FormatCheck::one(char c, bool is_complex) {
  const Layout layout = layout_of(c);
  const std::size_t parts = is_complex ? 2 : 1;
  const bool is_native = mode_ == '@' || mode_ == '^';
  if (!is_native && layout.standard == 0)
    return fail("Python does not define a standard format string size for long double ('g')..");
  const std::size_t size = (is_native ? layout.native : layout.standard) * parts;
  const ItemGroup group = is_complex ? ItemGroup::kComplex : layout.group;
  if (mode_ == '@') {
    offset_ += (layout.alignment - offset_ % layout.alignment) % layout.alignment;
    if (struct_alignment_ == 0) struct_alignment_ = layout.alignment;
  }
  Leaf leaf;
  if (!next_leaf(&leaf)) return mismatch(c, is_complex);
  bool is_same = leaf.type->size == size && leaf.type->group == group;
  if (!is_same && leaf.type->group == ItemGroup::kComplex && leaf.type->fields != nullptr) {
    is_split_ = true;
    half_ = 0;
    next_leaf(&leaf);
    is_same = leaf.type->size == size && leaf.type->group == group;
  }
  const bool is_char = leaf.type->group == ItemGroup::kChar || group == ItemGroup::kChar;
  if (!is_same && !(is_char && leaf.type->size == size)) return mismatch(c, is_complex);
  if (offset_ != leaf.offset)
    return fail("Buffer dtype mismatch; next field is at offset %zd but %zd expected",
                static_cast<Py_ssize_t>(offset_), static_cast<Py_ssize_t>(leaf.offset));
  std::size_t n_elements = 1;
  for (int i = 0; i < leaf.type->n_dimensions; ++i) n_elements *= leaf.type->shape[i];
  offset_ += size * n_elements;
  if (is_split_ && half_ == 0) {
    half_ = 1;
  } else {
    is_split_ = false;
    ++n_taken_;
  }
  return true;
}

// `count_` items of a kind.
bool FormatCheck::item(char c, bool is_complex) {
  Leaf leaf;
  std::size_t n = count_;
  count_ = 1;
  if (next_leaf(&leaf) && leaf.type->n_dimensions > 0) {
    const bool is_string = c == 's' || c == 'p';
    if (is_string) {
      if (n != leaf.type->shape[0])
        return fail("Expected a dimension of size %zu, got %zu", leaf.type->shape[0], n);
      has_shape_ = leaf.type->n_dimensions == 1;
    }
    if (!has_shape_)
      return fail("Expected %d dimensions, got %d", leaf.type->n_dimensions, is_string ? 1 : 0);
    n = 1;
  }
  has_shape_ = false;
  for (std::size_t i = 0; i < n; ++i)
    if (!one(c, is_complex)) return false;
  return true;
}

// To the end of the text, or of a struct.
bool FormatCheck::struct_body(bool is_inner) {
  for (;;) {
    switch (*at_) {
      case 0:
        return !is_inner || fail("Buffer acquisition: Expected '}' after '%s'", "T{");
      case '}': {
        if (!is_inner) return fail("Unexpected format string character: '%c'", *at_);
        ++at_;
        if (struct_alignment_ != 0)
          offset_ += (struct_alignment_ - offset_ % struct_alignment_) % struct_alignment_;
        return true;
      }
      case ' ':
      case '\r':
      case '\n':
        ++at_;
        break;
      case '<':
        mode_ = '=';
        ++at_;
        break;
      case '>':
      case '!':
        return fail("Big-endian buffer not supported on little-endian compiler");
      case '=':
      case '@':
      case '^':
        mode_ = *at_++;
        break;
      case 'T':
        if (!inner_structs()) return false;
        break;
      case 'x':
        offset_ += count_;
        count_ = 1;
        ++at_;
        break;
      case ':':
        for (++at_; *at_ != ':'; ++at_)
          if (*at_ == 0) return fail("Unexpected end of format string, expected ':'");
        ++at_;
        break;
      case '(':
        if (!array_shape()) return false;
        break;
      case 'Z': {
        const char part = *++at_;
        if (part != 'f' && part != 'd' && part != 'g')
          return fail("Unexpected format string character: 'Z'");
        ++at_;
        if (!item(part, true)) return false;
        break;
      }
      default: {
        constexpr std::string_view kItems = "?cbBhHiIlLqQfdgOps";
        if (kItems.find(*at_) != std::string_view::npos) {
          if (!item(*at_++, false)) return false;
        } else if (!number(&count_)) {
          return false;
        }
      }
    }
  }
}

// ---- acquiring ----

Py_ssize_t zeros[8] = {};
Py_ssize_t minus_ones[8] = {-1, -1, -1, -1, -1, -1, -1, -1};

void set_empty(Py_buffer* view) {
  view->buf = nullptr;
  view->obj = nullptr;
  view->shape = view->strides = zeros;
  view->suboffsets = minus_ones;
}

void give_back(Py_buffer* view) {
  if (view->suboffsets == minus_ones) view->suboffsets = nullptr;
  PyBuffer_Release(view);
  set_empty(view);
}

const char* plural(std::size_t n) { return n == 1 ? "" : "s"; }

// A number in the native way, which most are.
bool is_plain(const ItemType& item, const char* format) {
  constexpr std::string_view kNumbers = "?cbBhHiIlLqQfdg";
  if (format[0] == 0 || format[1] != 0 || kNumbers.find(format[0]) == std::string_view::npos)
    return false;
  const Layout layout = layout_of(format[0]);
  return item.group == layout.group && item.size == layout.native && item.n_dimensions == 0;
}

bool get(PyObject* o, const BufferSpec& spec, Py_buffer* view) {
  set_empty(view);
  if (o == Py_None) return true;
  if (PyObject_GetBuffer(o, view, spec.flags) < 0) {
    set_empty(view);
    return false;
  }
  if (!buffer_fits(*view, *spec.item, spec.n_dimensions, spec.is_cast)) {
    give_back(view);
    return false;
  }
  if (view->suboffsets == nullptr) view->suboffsets = minus_ones;
  return true;
}

}  // namespace

bool buffer_fits(const Py_buffer& buffer, const ItemType& item, int n_dimensions, bool is_cast) {
  if (buffer.ndim != n_dimensions) {
    PyErr_Format(PyExc_ValueError, "Buffer has wrong number of dimensions (expected %d, got %d)",
                 n_dimensions, buffer.ndim);
    return false;
  }
  const char* format = buffer.format != nullptr ? buffer.format : "B";
  if (!is_cast && !is_plain(item, format) && !FormatCheck(item, format).run()) return false;
  const std::size_t size = whole_size(item);
  if (static_cast<std::size_t>(buffer.itemsize) != size) {
    PyErr_Format(PyExc_ValueError,
                 "Item size of buffer (%zd byte%s) does not match size of '%s' (%zd byte%s)",
                 buffer.itemsize, plural(static_cast<std::size_t>(buffer.itemsize)), item.name,
                 static_cast<Py_ssize_t>(size), plural(size));
    return false;
  }
  return true;
}

void Buffer::release() {
  if (view_.obj == nullptr) return set_empty(&view_);
  PyObject* type;
  PyObject* value;
  PyObject* traceback;
  PyErr_Fetch(&type, &value, &traceback);
  give_back(&view_);
  PyErr_Restore(type, value, traceback);
}

bool Buffer::acquire(PyObject* o, const BufferSpec& spec) {
  // The old one goes first: it may be the same memory, lent to one at a time.
  PyObject* old = view_.obj;
  Py_XINCREF(old);
  if (old != nullptr) give_back(&view_);
  const bool done = get(o, spec, &view_);
  if (!done && old != nullptr) {
    PyObject* type;
    PyObject* value;
    PyObject* traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (get(old, spec, &view_)) {
      PyErr_Restore(type, value, traceback);
    } else {
      Py_XDECREF(type);
      Py_XDECREF(value);
      Py_XDECREF(traceback);
      PyErr_Format(PyExc_ValueError,
                   "Buffer acquisition failed on assignment; and then reacquiring the old buffer "
                   "failed too!");
    }
  }
  Py_XDECREF(old);
  return done;
}

bool raise_out_of_bounds(int axis) {
  const WithGil gil;
  PyErr_Format(PyExc_IndexError, "Out of bounds on buffer access (axis %d)", axis);
  return false;
}

}  // namespace er
