/// The chromatin binary.

#include "apps/program.hpp"

int main(int argc, char** argv) { return chromatin::run_program(argc, argv); }
