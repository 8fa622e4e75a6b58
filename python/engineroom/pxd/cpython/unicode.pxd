# cpython.unicode — strings.
from libc.stddef cimport wchar_t
cdef extern from "Python.h":
    bint PyUnicode_Check(object o)
    bint PyUnicode_CheckExact(object o)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    Py_ssize_t PyUnicode_GetLength(object text) except -1
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_UCS4 PyUnicode_READ(int kind, void *data, Py_ssize_t i)
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t i)
    void PyUnicode_WRITE(int kind, void *data, Py_ssize_t i, Py_UCS4 value)
    Py_UCS4 PyUnicode_MAX_CHAR_VALUE(object text)
    int PyUnicode_READY(object text) except -1
    bint PyUnicode_IS_READY(object text)
    bint PyUnicode_IS_ASCII(object text)
    bint PyUnicode_IsIdentifier(object text)
    enum:
        PyUnicode_1BYTE_KIND
        PyUnicode_2BYTE_KIND
        PyUnicode_4BYTE_KIND
    bint Py_UNICODE_ISSPACE(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISLOWER(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISUPPER(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISTITLE(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISLINEBREAK(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISDECIMAL(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISDIGIT(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISNUMERIC(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISALPHA(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISALNUM(Py_UCS4 c) noexcept nogil
    bint Py_UNICODE_ISPRINTABLE(Py_UCS4 c) noexcept nogil
    Py_UCS4 Py_UNICODE_TOLOWER(Py_UCS4 c) noexcept nogil
    Py_UCS4 Py_UNICODE_TOUPPER(Py_UCS4 c) noexcept nogil
    Py_UCS4 Py_UNICODE_TOTITLE(Py_UCS4 c) noexcept nogil
    int Py_UNICODE_TODECIMAL(Py_UCS4 c) noexcept nogil
    int Py_UNICODE_TODIGIT(Py_UCS4 c) noexcept nogil
    double Py_UNICODE_TONUMERIC(Py_UCS4 c) noexcept nogil
    str PyUnicode_New(Py_ssize_t n, Py_UCS4 largest)
    str PyUnicode_FromKindAndData(int kind, const void *data, Py_ssize_t n)
    str PyUnicode_FromStringAndSize(const char *text, Py_ssize_t n)
    str PyUnicode_FromString(const char *text)
    str PyUnicode_FromFormat(const char *format, ...)
    str PyUnicode_FromObject(object o)
    str PyUnicode_FromEncodedObject(object o, const char *encoding, const char *errors)
    str PyUnicode_FromOrdinal(int ordinal)
    str PyUnicode_InternFromString(const char *text)
    Py_UCS4 PyUnicode_ReadChar(object text, Py_ssize_t i) except 0xFFFFFFFFu
    int PyUnicode_WriteChar(object text, Py_ssize_t i, Py_UCS4 value) except -1
    str PyUnicode_Substring(object text, Py_ssize_t low, Py_ssize_t high)
    object PyUnicode_Concat(object a, object b)
    list PyUnicode_Split(object text, object separator, Py_ssize_t n)
    list PyUnicode_Splitlines(object text, int keep_ends)
    str PyUnicode_Join(object separator, object parts)
    int PyUnicode_Tailmatch(object text, object part, Py_ssize_t low, Py_ssize_t high, int direction) except -1
    Py_ssize_t PyUnicode_Find(object text, object part, Py_ssize_t low, Py_ssize_t high, int direction) except -2
    Py_ssize_t PyUnicode_FindChar(object text, Py_UCS4 c, Py_ssize_t low, Py_ssize_t high, int direction) except -2
    Py_ssize_t PyUnicode_Count(object text, object part, Py_ssize_t low, Py_ssize_t high) except -1
    str PyUnicode_Replace(object text, object part, object by, Py_ssize_t n)
    int PyUnicode_Compare(object a, object b) except? -1
    bint PyUnicode_CompareWithASCIIString(object a, const char *b)
    object PyUnicode_RichCompare(object a, object b, int op)
    str PyUnicode_Format(object format, object args)
    int PyUnicode_Contains(object text, object part) except -1
    bytes PyUnicode_AsEncodedString(object text, const char *encoding, const char *errors)
    bytes PyUnicode_AsUTF8String(object text)
    bytes PyUnicode_AsASCIIString(object text)
    bytes PyUnicode_AsLatin1String(object text)
    bytes PyUnicode_AsUTF16String(object text)
    bytes PyUnicode_AsUTF32String(object text)
    bytes PyUnicode_EncodeFSDefault(object text)
    const char *PyUnicode_AsUTF8(object text) except NULL
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *n) except NULL
    str PyUnicode_Decode(const char *text, Py_ssize_t n, const char *encoding, const char *errors)
    str PyUnicode_DecodeUTF8(const char *text, Py_ssize_t n, const char *errors)
    str PyUnicode_DecodeUTF8Stateful(const char *text, Py_ssize_t n, const char *errors, Py_ssize_t *used)
    str PyUnicode_DecodeUTF16(const char *text, Py_ssize_t n, const char *errors, int *order)
    str PyUnicode_DecodeUTF32(const char *text, Py_ssize_t n, const char *errors, int *order)
    str PyUnicode_DecodeLatin1(const char *text, Py_ssize_t n, const char *errors)
    str PyUnicode_DecodeASCII(const char *text, Py_ssize_t n, const char *errors)
    str PyUnicode_DecodeFSDefault(const char *text)
    str PyUnicode_DecodeFSDefaultAndSize(const char *text, Py_ssize_t n)

cdef extern from "Python.h":
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    unsigned short *PyUnicode_2BYTE_DATA(object text)
    Py_UCS4 *PyUnicode_4BYTE_DATA(object text)
    Py_UCS4 *PyUnicode_AsUCS4(object text, Py_UCS4 *buffer, Py_ssize_t n, bint with_null) except NULL
    Py_UCS4 *PyUnicode_AsUCS4Copy(object text) except NULL
    Py_ssize_t PyUnicode_AsWideChar(object text, wchar_t *buffer, Py_ssize_t n) except -1
    wchar_t *PyUnicode_AsWideCharString(object text, Py_ssize_t *n) except NULL
    object PyUnicode_FromWideChar(const wchar_t *text, Py_ssize_t n)
    Py_ssize_t PyUnicode_CopyCharacters(object target, Py_ssize_t target_start, object source,
                                        Py_ssize_t start, Py_ssize_t n) except -1
    Py_ssize_t PyUnicode_Fill(object text, Py_ssize_t start, Py_ssize_t n, Py_UCS4 value) except -1
    object PyUnicode_Translate(object text, object table, const char *errors)
    object PyUnicode_AsCharmapString(object text, object table)
    object PyUnicode_DecodeCharmap(const char *text, Py_ssize_t n, object table, const char *errors)
    object PyUnicode_AsUnicodeEscapeString(object text)
    object PyUnicode_AsRawUnicodeEscapeString(object text)
    object PyUnicode_DecodeUnicodeEscape(const char *text, Py_ssize_t n, const char *errors)
    object PyUnicode_DecodeRawUnicodeEscape(const char *text, Py_ssize_t n, const char *errors)
    object PyUnicode_DecodeUTF16Stateful(const char *text, Py_ssize_t n, const char *errors,
                                         int *byte_order, Py_ssize_t *consumed)
