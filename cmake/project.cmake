# How this project itself is built: languages, warnings, sanitizers, libraries and output folders, decided once. What cubes
# are built with, here and by authors elsewhere, is in polycube.cmake.

include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

option(POLYCUBE_TESTS "build the tests" ON)
option(POLYCUBE_BENCHMARKS "build the benchmarks" ON)
option(POLYCUBE_BPF "compile the fast paths (needs clang-19)" ON)
set(POLYCUBE_SANITIZE "" CACHE STRING "sanitizers, as given to -fsanitize=")
option(POLYCUBE_FUZZ "build the fuzzers (needs clang)" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Werror)
# Naming some fields and leaving the rest zero is what designated initializers are for; g++ does not warn of it either.
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-missing-designated-field-initializers>)
if(POLYCUBE_SANITIZE)
  add_compile_options(-fsanitize=${POLYCUBE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${POLYCUBE_SANITIZE})
endif()
if(POLYCUBE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBYANG REQUIRED IMPORTED_TARGET libyang)
pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-3.0 libnl-route-3.0)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(EXPAT REQUIRED)
find_package(GTest REQUIRED)

if(POLYCUBE_TESTS)
  enable_testing()
endif()

# Where the daemon finds what it interprets at run time; the build tree mirrors the installed layout.
set(POLYCUBE_DATA_DIR ${CMAKE_BINARY_DIR}/share/polycube)
set(POLYCUBE_YANG_DIR ${POLYCUBE_DATA_DIR}/yang)
set(POLYCUBE_SERVICES_DIR ${CMAKE_BINARY_DIR}/lib/polycube/services)

# What runs, without what tests and measures it.
add_custom_target(product)

# What polycube.cmake takes from its surroundings.
set(POLYCUBE_BPF_INCLUDE_DIR ${CMAKE_SOURCE_DIR}/sdk/bpf)
set(POLYCUBE_BPF_FLAGS -Werror)
include(polycube)

# polycube_library(NAME SOURCES... DEPENDS...)
#   One static library per folder of src/. Include paths are written from src/: #include "base/result.h".
function(polycube_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(polycube_${name} STATIC ${ARG_SOURCES})
  set_target_properties(polycube_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(polycube_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/polycube>)
  target_link_libraries(polycube_${name} PUBLIC ${ARG_DEPENDS})
endfunction()

# polycube_man_pages(COMPONENT PAGES...)
#   Installs pages of docs/man, each into the section that its name ends with.
function(polycube_man_pages component)
  foreach(page ${ARGN})
    string(REGEX MATCH "[0-9]$" section ${page})
    install(FILES ${CMAKE_SOURCE_DIR}/docs/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
      COMPONENT ${component})
  endforeach()
endfunction()
