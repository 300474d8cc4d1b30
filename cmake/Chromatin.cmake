# How every target of the project is made: one library per folder, one test program per test folder.

add_library(chromatin_options INTERFACE)
target_include_directories(chromatin_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(chromatin_options INTERFACE
  # -Wrestrict is wrong about std::string in g++ 12 (bug 105651).
  -Wno-restrict -Wno-missing-field-initializers -Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast $<$<BOOL:${CHROMATIN_WERROR}>:-Werror>)

# Most of the time of a build goes into the templates of CAF, Cap'n Proto and nlohmann_json, the same in every file: with several
# files compiled as one it is spent once for all of them. After a change of one file all of its batch are compiled again,
# so it is off where one works (preset dev). Names of a target's files must not collide, then, in unnamed namespaces either.
option(CHROMATIN_UNITY "Compile several files of a target as one: a build from nothing takes little more than half as long" OFF)
if(CHROMATIN_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
  # g++ takes an unnamed namespace of an included .cpp for one of a header.
  target_compile_options(chromatin_options INTERFACE -Wno-subobject-linkage)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()
if(CHROMATIN_SANITIZE)
  # Every report ends the program: a test that goes on would pass. nvcc knows none of these.
  foreach(option -fsanitize=${CHROMATIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:${option}>)
  endforeach()
  add_link_options(-fsanitize=${CHROMATIN_SANITIZE})
  # CAF 0.17 makes a reference of a null shared_ptr when an actor without arguments is spawned, and does not use it; the
  # check of a virtual table needs a file descriptor, and a test takes them all; toml++ 3.3 calls letters from U+00A1 to
  # U+0499 unreachable where a key should begin, and refuses them. What is used wrongly all the same is found by
  # AddressSanitizer.
  if(CHROMATIN_SANITIZE MATCHES undefined)
    add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-fno-sanitize=null$<COMMA>vptr$<COMMA>unreachable>)
  endif()
  # Instrumented, much of the standard library looks uninitialised to g++ 12.
  target_compile_options(chromatin_options INTERFACE -Wno-maybe-uninitialized)
endif()

if(CHROMATIN_FUZZ)
  # Which way an input takes is counted; clang 14 does not know all of g++'s warnings, and warns of other things.
  foreach(option -fsanitize=fuzzer-no-link$<COMMA>address -fno-omit-frame-pointer -g1 -Wno-unknown-warning-option)
    add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:${option}>)
  endforeach()
  add_link_options(-fsanitize=address)
endif()

# chromatin_library(NAME [libraries…]): every .cpp of the folder (and of folders named in SUBDIRS, WITHOUT some files) as
# chromatin::NAME.
function(chromatin_library name)
  cmake_parse_arguments(arg "" "" "SUBDIRS;WITHOUT;PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(subdir ${arg_SUBDIRS})
    file(GLOB more CONFIGURE_DEPENDS ${subdir}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  foreach(other ${arg_WITHOUT})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${other})
  endforeach()
  add_library(chromatin_${name} STATIC ${sources})
  add_library(chromatin::${name} ALIAS chromatin_${name})
  target_link_libraries(chromatin_${name} PRIVATE chromatin_options PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# chromatin_test(NAME [THREADS n] libraries…): every *_test.cpp in tests/NAME and its folders as one GoogleTest program. A test that is in the
# folder is registered; none can be forgotten. THREADS says how many cores one of its tests keeps busy:
# threads that compute together wait for each other, so two such tests at once on two cores take longer than one after the other.
function(chromatin_test name)
  cmake_parse_arguments(arg "" "THREADS" "" ${ARGN})
  if(NOT arg_THREADS)
    set(arg_THREADS 1)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${name}/*.cpp ${name}/*/*.cpp)
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE chromatin_options ${arg_UNPARSED_ARGUMENTS} GTest::gmock GTest::gtest GTest::gtest_main)
  # A test is compiled as often as it runs: optimised for speed it takes longer to compile than that saves. What it tests is as shipped.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(test_${name} PRIVATE CHROMATIN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(TARGET chromatin)
    target_compile_definitions(test_${name} PRIVATE CHROMATIN_BINARY="$<TARGET_FILE:chromatin>")
  endif()
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 600 SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" PROCESSORS ${arg_THREADS})
endfunction()
