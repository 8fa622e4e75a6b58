# The libraries outside engineroom. A folder links the ones it uses by these names:
#   PkgConfig::libzmq  OpenSSL::Crypto  simdjson::simdjson  spdlog::spdlog  SQLite::SQLite3  PostgreSQL::pqxx  CLI11::CLI11  Threads::Threads  Clang::libraries
# cmake/engineroomConfig.cmake.in finds those of them that the installed C++ library uses: change both together.

find_package(PkgConfig REQUIRED)
pkg_check_modules(libzmq REQUIRED IMPORTED_TARGET libzmq>=4.3)
# Debian's libzmq.pc lists the include paths of what libzmq itself uses, and CMake passes them differently when it runs a
# second time, so that everything would be compiled again. The header needs none of them.
set_target_properties(PkgConfig::libzmq PROPERTIES
  INTERFACE_COMPILE_OPTIONS "" INTERFACE_INCLUDE_DIRECTORIES "${libzmq_INCLUDEDIR}")
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
find_package(simdjson 3 REQUIRED)
# The compiled spdlog: its target defines SPDLOG_COMPILED_LIB, which keeps its templates out of our compile times.
find_package(spdlog REQUIRED)
find_package(SQLite3 3.35 REQUIRED)
# Its CMake files are not in Debian's package, and libpqxx.pc does not name libpq, of which we use a function ourselves.
pkg_check_modules(libpqxx REQUIRED IMPORTED_TARGET libpqxx>=6.4)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq>=12)
add_library(PostgreSQL::pqxx INTERFACE IMPORTED)
target_link_libraries(PostgreSQL::pqxx INTERFACE PkgConfig::libpqxx PkgConfig::libpq)
find_package(CLI11 REQUIRED)

# Clang and LLVM 19, of which src/jit consists: Clang::libraries, and CLANG_DIR with Clang's own headers. Asked of
# llvm-config, as LLVM's CMake files want the development packages of all that LLVM itself uses.
find_program(LLVM_CONFIG NAMES llvm-config-19)
if(LLVM_CONFIG)
  execute_process(COMMAND ${LLVM_CONFIG} --includedir --libdir OUTPUT_VARIABLE llvm_dirs
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" llvm_dirs "${llvm_dirs}")
  list(POP_FRONT llvm_dirs llvm_include_dir llvm_library_dir)
  find_library(LLVM_LIBRARY NAMES libLLVM.so.19.1 HINTS ${llvm_library_dir})
  find_library(CLANG_LIBRARY NAMES libclang-cpp.so.19.1 HINTS ${llvm_library_dir})
  find_path(CLANG_INCLUDE_DIR NAMES clang/Frontend/CompilerInstance.h HINTS ${llvm_include_dir} NO_DEFAULT_PATH)
  if(LLVM_LIBRARY AND CLANG_LIBRARY AND CLANG_INCLUDE_DIR)
    set(CLANG_DIR ${llvm_library_dir}/clang/19)
    add_library(Clang::libraries INTERFACE IMPORTED)
    target_include_directories(Clang::libraries SYSTEM INTERFACE ${llvm_include_dir})
    target_link_libraries(Clang::libraries INTERFACE ${CLANG_LIBRARY} ${LLVM_LIBRARY})
  endif()
endif()
