# Preset gpu-only: kv/, model/, gpu/ and tests/gpu on a machine with nvcc, CMake and a C++ compiler and nothing else. Headers
# and GoogleTest's sources come from the folder that packaging/carried.sh fills. There are no tokenizers, so texts are no tokens
# there; the CPU backend multiplies in plain loops.

include(GoogleTest)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED)

set(CHROMATIN_CARRIED "${CMAKE_SOURCE_DIR}/build/carried" CACHE PATH "What packaging/carried.sh copied")
if(NOT EXISTS ${CHROMATIN_CARRIED}/include/xxhash.h)
  message(FATAL_ERROR "${CHROMATIN_CARRIED} is not filled: packaging/carried.sh does it on a machine with the packages of packages.txt")
endif()
add_compile_definitions(CHROMATIN_GPU_ONLY)

# carried_headers(TARGET [DEFINITIONS…]): a library that is nothing but headers.
function(carried_headers target)
  string(REPLACE "::" "_" name carried_${target})
  add_library(${name} INTERFACE)
  add_library(${target} ALIAS ${name})
  target_include_directories(${name} SYSTEM INTERFACE ${CHROMATIN_CARRIED}/include)
  target_compile_definitions(${name} INTERFACE ${ARGN})
endfunction()
carried_headers(PkgConfig::xxhash XXH_INLINE_ALL)
carried_headers(fmt::fmt FMT_HEADER_ONLY)
carried_headers(nlohmann_json::nlohmann_json)

# carried_archive(TARGET FILE [DEFINITIONS…])
function(carried_archive target file)
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${CHROMATIN_CARRIED}/lib/${file}
                        INTERFACE_INCLUDE_DIRECTORIES ${CHROMATIN_CARRIED}/include INTERFACE_COMPILE_DEFINITIONS "${ARGN}")
endfunction()
carried_archive(Boost::context libboost_context.a)
carried_archive(PkgConfig::utf8proc libutf8proc.a UTF8PROC_STATIC)

# GoogleTest's files are compiled as one each.
add_library(carried_gtest STATIC ${CHROMATIN_CARRIED}/googletest/src/gtest-all.cc ${CHROMATIN_CARRIED}/googlemock/src/gmock-all.cc)
target_include_directories(carried_gtest SYSTEM PUBLIC ${CHROMATIN_CARRIED}/googletest/include ${CHROMATIN_CARRIED}/googlemock/include
                           PRIVATE ${CHROMATIN_CARRIED}/googletest ${CHROMATIN_CARRIED}/googlemock)
target_link_libraries(carried_gtest PUBLIC Threads::Threads)
add_library(carried_gtest_main STATIC ${CHROMATIN_CARRIED}/googletest/src/gtest_main.cc)
target_link_libraries(carried_gtest_main PUBLIC carried_gtest)
add_library(GTest::gtest ALIAS carried_gtest)
add_library(GTest::gmock ALIAS carried_gtest)
add_library(GTest::gtest_main ALIAS carried_gtest_main)

include(cmake/Cuda.cmake)
