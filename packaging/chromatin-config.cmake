# find_package(chromatin): the targets chromatin::rpc_client and chromatin::schema.
include(CMakeFindDependencyMacro)
enable_language(C) # Cap'n Proto's package finds libatomic with no other compiler
find_dependency(CapnProto)
include(${CMAKE_CURRENT_LIST_DIR}/chromatin-targets.cmake)
