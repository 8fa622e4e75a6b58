# cpython.array — the arrays of Python's module array: their memory, and making and growing them.
#
# No header declares these objects: their layout is that of CPython's Modules/arraymodule.c.
from cpython.object cimport Py_SIZE
from cpython.ref cimport PyTypeObject, Py_TYPE
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    struct er_arraydescr {  // its beginning
      char typecode;
      int itemsize;
    };

    struct er_arrayobject {
      PyObject_VAR_HEAD
      char* ob_item;
      Py_ssize_t allocated;
      const er_arraydescr* ob_descr;
      PyObject* weakreflist;
      Py_ssize_t ob_exports;
    };

    union er_arraydata {
      void* as_voidptr;
      char* as_chars;
      signed char* as_schars;
      unsigned char* as_uchars;
      short* as_shorts;
      unsigned short* as_ushorts;
      int* as_ints;
      unsigned int* as_uints;
      long* as_longs;
      unsigned long* as_ulongs;
      long long* as_longlongs;
      unsigned long long* as_ulonglongs;
      float* as_floats;
      double* as_doubles;
      wchar_t* as_pyunicodes;
    };

    static inline er_arraydata er_array_data(PyObject* self) {
      er_arraydata data;
      data.as_chars = reinterpret_cast<er_arrayobject*>(self)->ob_item;
      return data;
    }

    static inline er_arraydescr* er_array_descr(PyObject* self) {
      return const_cast<er_arraydescr*>(reinterpret_cast<er_arrayobject*>(self)->ob_descr);
    }

    // `spare` is how many items there is room for beyond `length`.
    static inline int er_array_set_length(er_arrayobject* array, Py_ssize_t length,
                                          Py_ssize_t spare) {
      if (length < 0) {
        PyErr_SetString(PyExc_ValueError, "the length of an array cannot be negative");
        return -1;
      }
      if (array->ob_exports > 0) {
        PyErr_SetString(PyExc_BufferError, "cannot resize an array that is exporting buffers");
        return -1;
      }
      const Py_ssize_t itemsize = array->ob_descr->itemsize;
      if (length > PY_SSIZE_T_MAX / itemsize - spare) {
        PyErr_NoMemory();
        return -1;
      }
      const Py_ssize_t n = (length + spare) * itemsize;
      void* memory = PyMem_Realloc(array->ob_item, static_cast<std::size_t>(n));
      if (memory == nullptr) {
        PyErr_NoMemory();
        return -1;
      }
      array->ob_item = static_cast<char*>(memory);
      array->allocated = length + spare;
      Py_SET_SIZE(array, length);
      return 0;
    }

    static inline int er_array_resize(er_arrayobject* array, Py_ssize_t length) {
      return er_array_set_length(array, length, 0);
    }

    static inline int er_array_resize_smart(er_arrayobject* array, Py_ssize_t length) {
      const bool has_room = length <= array->allocated && length >= array->allocated / 4;
      if (has_room && length > 0 && array->ob_exports == 0) {
        Py_SET_SIZE(array, length);
        return 0;
      }
      return er_array_set_length(array, length, length / 8 + 8);
    }

    static inline PyObject* er_new_array(PyTypeObject* type, Py_ssize_t length,
                                         er_arraydescr* descr) {
      PyObject* made = type->tp_alloc(type, 0);
      if (made == nullptr) return nullptr;
      er_arrayobject* array = reinterpret_cast<er_arrayobject*>(made);
      array->ob_descr = descr;
      if (length != 0 && er_array_set_length(array, length, 0) < 0) Py_CLEAR(made);
      return made;
    }
    """
    ctypedef struct arraydescr "er_arraydescr":
        char typecode
        int itemsize

    ctypedef union arraydata "er_arraydata":
        void *as_voidptr
        char *as_chars
        signed char *as_schars
        unsigned char *as_uchars
        short *as_shorts
        unsigned short *as_ushorts
        int *as_ints
        unsigned int *as_uints
        long *as_longs
        unsigned long *as_ulongs
        long long *as_longlongs
        unsigned long long *as_ulonglongs
        float *as_floats
        double *as_doubles
        Py_UNICODE *as_pyunicodes

    arraydata er_array_data(object self) noexcept nogil
    arraydescr *er_array_descr(object self) noexcept nogil

    ctypedef class array.array [object er_arrayobject]:
        cdef __cythonbufferdefaults__ = {"ndim": 1, "mode": "c"}
        cdef Py_ssize_t ob_size "ob_base.ob_size"

        @property
        cdef inline arraydata data(self) noexcept nogil:
            return er_array_data(self)

        @property
        cdef inline arraydescr *ob_descr(self) noexcept nogil:
            return er_array_descr(self)

    array newarrayobject "er_new_array" (PyTypeObject *type, Py_ssize_t length, arraydescr *descr)
    # Exactly so much memory.
    int resize "er_array_resize" (array self, Py_ssize_t length) except -1
    # Some to spare, for arrays that grow by and by.
    int resize_smart "er_array_resize_smart" (array self, Py_ssize_t length) except -1

cdef inline array clone(array template, Py_ssize_t length, bint zero):
    cdef array made = newarrayobject(Py_TYPE(template), length, template.ob_descr)
    if zero and length > 0:
        memset(made.data.as_chars, 0, <size_t>length * <size_t>made.ob_descr.itemsize)
    return made

cdef inline array copy(array self):
    cdef Py_ssize_t length = Py_SIZE(self)
    cdef array made = newarrayobject(Py_TYPE(self), length, self.ob_descr)
    if length > 0:
        memcpy(made.data.as_chars, self.data.as_chars,
               <size_t>length * <size_t>self.ob_descr.itemsize)
    return made

# `n` items of the same type, not bytes.
cdef inline int extend_buffer(array self, char *items, Py_ssize_t n) except -1:
    cdef Py_ssize_t length = Py_SIZE(self)
    cdef size_t itemsize = self.ob_descr.itemsize
    resize_smart(self, length + n)
    if n > 0:
        memcpy(self.data.as_chars + <size_t>length * itemsize, items, <size_t>n * itemsize)
    return 0

cdef inline int extend(array self, array other) except -1:
    cdef Py_ssize_t length = Py_SIZE(self)
    cdef Py_ssize_t n = Py_SIZE(other)
    cdef size_t itemsize = self.ob_descr.itemsize
    if self.ob_descr.typecode != other.ob_descr.typecode:
        raise TypeError("the arrays have items of different types")
    resize_smart(self, length + n)
    # Not before: an array that extends itself may have moved.
    if n > 0:
        memcpy(self.data.as_chars + <size_t>length * itemsize, other.data.as_chars,
               <size_t>n * itemsize)
    return 0

cdef inline void zero(array self) noexcept:
    if self.data.as_chars is not NULL:
        memset(self.data.as_chars, 0, <size_t>Py_SIZE(self) * <size_t>self.ob_descr.itemsize)
