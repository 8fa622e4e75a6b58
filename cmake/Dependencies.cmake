# The libraries outside engineroom. A folder links the ones it uses by these names:
#   PkgConfig::libzmq  OpenSSL::Crypto  simdjson::simdjson  spdlog::spdlog  CLI11::CLI11  Threads::Threads
# cmake/engineroomConfig.cmake.in finds the same names for users of the installed C++ library: change both together.

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
find_package(CLI11 REQUIRED)
