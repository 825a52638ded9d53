// Precompiled for every test: Catch2's single header is what costs time in compiling a test.
#include <catch2/catch.hpp>
