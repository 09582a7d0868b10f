# What cubes are built with, the project's own and those of authors elsewhere (polycube-config.cmake): every target is
# declared by one of the functions below.
#
# From outside come POLYCUBE_BPF_INCLUDE_DIR (headers of fast paths), POLYCUBE_BPF_FLAGS, POLYCUBE_SERVICES_DIR (where packages are put
# together), POLYCUBE_YANG_DIR (the modules that every daemon has), POLYCUBE_TESTS, POLYCUBE_BPF, POLYCUBE_FUZZ, and the
# targets polycube::sdk (for control planes) and polycube::harness (for packet tests).

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
#   Compiles one BPF C file ahead of time, with BTF; of what the compiler knows besides (DWARF) the kernel has no use, and
#   daemons keep objects in memory.
function(polycube_bpf_object target)
  cmake_parse_arguments(ARG "" "OUTPUT;SOURCE" "DEFINES;INCLUDES" ${ARGN})
  find_program(BPF_CLANG clang-19)
  if(NOT BPF_CLANG)
    message(FATAL_ERROR "fast paths are compiled by clang-19, which is not found: install the package clang-19")
  endif()
  set(flags -O2 -g -target bpf -mcpu=v3 -std=gnu11 -Wall -Wextra ${POLYCUBE_BPF_FLAGS} -Wno-unused-parameter
    -fno-stack-protector -I${POLYCUBE_BPF_INCLUDE_DIR} -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
  foreach(define ${ARG_DEFINES})
    list(APPEND flags -D${define})
  endforeach()
  foreach(include ${ARG_INCLUDES})
    list(APPEND flags -I${include})
  endforeach()
  get_filename_component(directory ${ARG_OUTPUT} DIRECTORY)
  file(MAKE_DIRECTORY ${directory})
  find_program(BPF_STRIP llvm-strip-19)  # package llvm-19; without it objects are twice as large
  if(BPF_STRIP)
    set(strip COMMAND ${BPF_STRIP} -g ${ARG_OUTPUT})
  endif()
  add_custom_command(OUTPUT ${ARG_OUTPUT}
    COMMAND ${BPF_CLANG} ${flags} -MD -MF ${ARG_OUTPUT}.d -c ${ARG_SOURCE} -o ${ARG_OUTPUT}
    ${strip}
    DEPENDS ${ARG_SOURCE}
    DEPFILE ${ARG_OUTPUT}.d
    COMMENT "BPF ${ARG_OUTPUT}")
  add_custom_target(${target} ALL DEPENDS ${ARG_OUTPUT})
endfunction()

# polycube_control(TARGET OUTPUT file SOURCES... INCLUDES...)
#   The control plane of a service: a shared library.
function(polycube_control target)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;INCLUDES" ${ARGN})
  get_filename_component(directory ${ARG_OUTPUT} DIRECTORY)
  get_filename_component(name ${ARG_OUTPUT} NAME_WE)
  add_library(${target} MODULE ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE ${ARG_INCLUDES})
  target_link_libraries(${target} PRIVATE polycube::sdk)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${directory}
    CXX_VISIBILITY_PRESET hidden)
endfunction()

# polycube_add_cube(NAME)
#   A cube is one folder: NAME.yang, abi/, bpf/NAME.bpf.c, control/ if it has a control plane, tests/; other bpf/*.bpf.c are
#   slaves. It is the folder of the CMakeLists.txt that says so, or the one called NAME in it. The service package is the
#   model, one object per program and hook flavour, and NAME.so; control/*_test.cpp and *_fuzz.cpp are linked with the
#   control plane. Configuring fails when the cube proves none of its verdicts with packets.
function(polycube_add_cube name)
  set(sources)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.yang)
    set(folder ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  set(package ${POLYCUBE_SERVICES_DIR}/${name})
  foreach(needed ${name}.yang bpf/${name}.bpf.c)
    if(NOT EXISTS ${folder}/${needed})
      message(FATAL_ERROR "cube ${name} has no ${needed} in ${folder}")
    endif()
  endforeach()
  if(NOT EXISTS ${folder}/tests/${name}_prog_test.cpp)
    message(FATAL_ERROR "cube ${name} has no tests/${name}_prog_test.cpp: every cube proves its verdicts with packets")
  endif()
  configure_file(${folder}/${name}.yang ${package}/${name}.yang COPYONLY)
  if(POLYCUBE_BPF)
    file(GLOB programs CONFIGURE_DEPENDS ${folder}/bpf/*.bpf.c)
    # Objects of sources that are gone are no programs of the cube any more.
    file(GLOB objects ${package}/*.tc.o ${package}/*.xdp.o)
    foreach(object ${objects})
      get_filename_component(program ${object} NAME_WE)
      if(NOT EXISTS ${folder}/bpf/${program}.bpf.c)
        file(REMOVE ${object})
      endif()
    endforeach()
    foreach(source ${programs})
      get_filename_component(program ${source} NAME_WE)
      set(target ${name})
      if(NOT program STREQUAL name)
        set(target ${name}_${program})
      endif()
      polycube_bpf_object(${target}_tc SOURCE ${source} OUTPUT ${package}/${program}.tc.o
        DEFINES PCN_HOOK_TC INCLUDES ${folder})
      polycube_bpf_object(${target}_xdp SOURCE ${source} OUTPUT ${package}/${program}.xdp.o
        DEFINES PCN_HOOK_XDP INCLUDES ${folder})
      list(APPEND parts ${target}_tc ${target}_xdp)
    endforeach()
  endif()
  if(EXISTS ${folder}/control)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/control/*.cpp)
    list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
    polycube_control(${name}_control SOURCES ${sources} OUTPUT ${package}/${name}.so INCLUDES ${folder})
    list(APPEND parts ${name}_control)
    file(GLOB tests CONFIGURE_DEPENDS ${folder}/control/*_test.cpp)
    if(tests)
      polycube_test(${name}_control_test LABEL unit SOURCES ${sources} ${tests} DEPENDS polycube::sdk)
    endif()
    file(GLOB fuzzers CONFIGURE_DEPENDS ${folder}/control/*_fuzz.cpp)
    foreach(fuzzer ${fuzzers})
      get_filename_component(stem ${fuzzer} NAME_WE)
      polycube_fuzz(${name}_${stem} SOURCES ${sources} ${fuzzer} DEPENDS polycube::sdk)
      list(APPEND of_control ${name}_${stem})
    endforeach()
    foreach(target ${name}_control_test ${of_control})
      if(TARGET ${target})
        target_include_directories(${target} PRIVATE ${folder})
      endif()
    endforeach()
  endif()
  if(TARGET product AND parts)
    add_dependencies(product ${parts})
  endif()
  install(DIRECTORY ${package} DESTINATION lib/polycube/services COMPONENT runtime
    FILES_MATCHING PATTERN "*.yang" PATTERN "*.o" PATTERN "*.so")
  # Packets are made with what is pure in the control plane: all its sources but the glue, NAME.cpp.
  list(REMOVE_ITEM sources ${folder}/control/${name}.cpp)
  polycube_test(${name}_prog_test LABEL prog SOURCES ${folder}/tests/${name}_prog_test.cpp ${sources}
    DEPENDS polycube::harness polycube::sdk)
  if(TARGET ${name}_prog_test)
    target_include_directories(${name}_prog_test PRIVATE ${folder})
  endif()
endfunction()
