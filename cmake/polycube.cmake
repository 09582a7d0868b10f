# The project's CMake vocabulary: every target is declared by one of the functions below, so that warnings,
# sanitizers, test labels and output folders are decided once.

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
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(OpenSSL REQUIRED)

if(POLYCUBE_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
endif()

# Where the daemon finds what it interprets at run time; the build tree mirrors the installed layout.
set(POLYCUBE_DATA_DIR ${CMAKE_BINARY_DIR}/share/polycube)
set(POLYCUBE_YANG_DIR ${POLYCUBE_DATA_DIR}/yang)
set(POLYCUBE_SERVICES_DIR ${POLYCUBE_DATA_DIR}/services)

# What runs, without what tests and measures it.
add_custom_target(product)

# polycube_library(NAME SOURCES... DEPENDS...)
#   One static library per folder of src/. Include paths are written from src/: #include "base/result.h".
function(polycube_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(polycube_${name} STATIC ${ARG_SOURCES})
  set_target_properties(polycube_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(polycube_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(polycube_${name} PUBLIC ${ARG_DEPENDS})
endfunction()

# polycube_test(NAME LABEL unit|prog|netns|fuzz SOURCES... DEPENDS...)
function(polycube_test name)
  if(NOT POLYCUBE_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  # Without the fast paths only what needs no kernel can be tested.
  if(NOT POLYCUBE_BPF AND NOT ARG_LABEL STREQUAL unit)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    POLYCUBE_TEST_YANG_DIR="${POLYCUBE_YANG_DIR}"
    POLYCUBE_TEST_SERVICES_DIR="${POLYCUBE_SERVICES_DIR}"
    POLYCUBE_TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# polycube_fuzz(NAME SOURCES... DEPENDS...)
#   A libFuzzer program, NAME ending in _fuzz, built with POLYCUBE_FUZZ only. Its seeds are in tests/fuzz/NAME/.
function(polycube_fuzz name)
  if(NOT POLYCUBE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(${name} PRIVATE
    POLYCUBE_TEST_YANG_DIR="${POLYCUBE_YANG_DIR}"
    POLYCUBE_TEST_SERVICES_DIR="${POLYCUBE_SERVICES_DIR}"
    POLYCUBE_TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
endfunction()

# polycube_bpf_object(TARGET OUTPUT file SOURCE file DEFINES... INCLUDES...)
#   Compiles one BPF C file ahead of time, with BTF.
function(polycube_bpf_object target)
  cmake_parse_arguments(ARG "" "OUTPUT;SOURCE" "DEFINES;INCLUDES" ${ARGN})
  find_program(BPF_CLANG clang-19 REQUIRED)
  set(flags -O2 -g -target bpf -mcpu=v3 -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -fno-stack-protector
    -I${CMAKE_SOURCE_DIR}/sdk/bpf -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
  foreach(define ${ARG_DEFINES})
    list(APPEND flags -D${define})
  endforeach()
  foreach(include ${ARG_INCLUDES})
    list(APPEND flags -I${include})
  endforeach()
  get_filename_component(directory ${ARG_OUTPUT} DIRECTORY)
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(OUTPUT ${ARG_OUTPUT}
    COMMAND ${BPF_CLANG} ${flags} -MD -MF ${ARG_OUTPUT}.d -c ${ARG_SOURCE} -o ${ARG_OUTPUT}
    DEPENDS ${ARG_SOURCE}
    DEPFILE ${ARG_OUTPUT}.d
    COMMENT "BPF ${ARG_OUTPUT}")
  add_custom_target(${target} ALL DEPENDS ${ARG_OUTPUT})
endfunction()

# polycube_control(TARGET OUTPUT file SOURCES... INCLUDES...)
#   The control plane of a service: a shared library against sdk/control.
function(polycube_control target)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;INCLUDES" ${ARGN})
  get_filename_component(directory ${ARG_OUTPUT} DIRECTORY)
  get_filename_component(name ${ARG_OUTPUT} NAME_WE)
  add_library(${target} MODULE ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE ${ARG_INCLUDES} ${CMAKE_SOURCE_DIR}/sdk/control ${CMAKE_SOURCE_DIR}/sdk/bpf)
  target_link_libraries(${target} PRIVATE polycube_base)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${directory}
    CXX_VISIBILITY_PRESET hidden)
endfunction()

# add_cube(NAME)
#   A cube is one folder: NAME.yang, abi/, bpf/NAME.bpf.c, control/ if it has a control plane, tests/. The service package
#   is the model, one object per hook flavour, and NAME.so; control/*_test.cpp and *_fuzz.cpp are linked with the control
#   plane. Configuring fails when the cube proves none of its verdicts with packets.
function(add_cube name)
  set(sources)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  set(package ${POLYCUBE_SERVICES_DIR}/${name})
  if(NOT EXISTS ${folder}/tests/${name}_prog_test.cpp)
    message(FATAL_ERROR "cube ${name} has no tests/${name}_prog_test.cpp: every cube proves its verdicts with packets")
  endif()
  configure_file(${folder}/${name}.yang ${package}/${name}.yang COPYONLY)
  if(POLYCUBE_BPF)
    polycube_bpf_object(${name}_tc SOURCE ${folder}/bpf/${name}.bpf.c OUTPUT ${package}/${name}.tc.o
      DEFINES PCN_HOOK_TC INCLUDES ${folder})
    polycube_bpf_object(${name}_xdp SOURCE ${folder}/bpf/${name}.bpf.c OUTPUT ${package}/${name}.xdp.o
      DEFINES PCN_HOOK_XDP INCLUDES ${folder})
    add_dependencies(product ${name}_tc ${name}_xdp)
  endif()
  if(EXISTS ${folder}/control)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/control/*.cpp)
    list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
    polycube_control(${name}_control SOURCES ${sources} OUTPUT ${package}/${name}.so
      INCLUDES ${folder} ${CMAKE_SOURCE_DIR}/sdk/bpf)
    add_dependencies(product ${name}_control)
    file(GLOB tests CONFIGURE_DEPENDS ${folder}/control/*_test.cpp)
    if(tests)
      polycube_test(${name}_control_test LABEL unit SOURCES ${sources} ${tests} DEPENDS polycube_base)
    endif()
    file(GLOB fuzzers CONFIGURE_DEPENDS ${folder}/control/*_fuzz.cpp)
    foreach(fuzzer ${fuzzers})
      get_filename_component(stem ${fuzzer} NAME_WE)
      polycube_fuzz(${name}_${stem} SOURCES ${sources} ${fuzzer} DEPENDS polycube_base)
      list(APPEND of_control ${name}_${stem})
    endforeach()
    foreach(target ${name}_control_test ${of_control})
      if(TARGET ${target})
        target_include_directories(${target} PRIVATE ${folder} ${CMAKE_SOURCE_DIR}/sdk/control ${CMAKE_SOURCE_DIR}/sdk/bpf)
      endif()
    endforeach()
  endif()
  install(DIRECTORY ${package} DESTINATION ${CMAKE_INSTALL_DATADIR}/polycube/services)
  # Packets are made with what is pure in the control plane: all its sources but the glue, NAME.cpp.
  list(REMOVE_ITEM sources ${folder}/control/${name}.cpp)
  polycube_test(${name}_prog_test LABEL prog SOURCES ${folder}/tests/${name}_prog_test.cpp ${sources}
    DEPENDS polycube_harness)
  if(TARGET ${name}_prog_test)
    target_include_directories(${name}_prog_test PRIVATE ${folder} ${CMAKE_SOURCE_DIR}/sdk/control)
  endif()
endfunction()
