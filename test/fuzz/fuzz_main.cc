// libFuzzer's entry. With ZIRCONIA_FUZZ_TRACE in the environment, every call of an input is shown.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "test/fuzz/run.h"

// Where memory came from is told in short: recording it all takes a tenth of the time.
extern "C" const char* __asan_default_options() { return "malloc_context_size=6"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool trace = std::getenv("ZIRCONIA_FUZZ_TRACE") != nullptr;
  const std::string wrong = zirconia::fuzz::RunInput({data, size}, trace);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "zirconia: %s\n", wrong.c_str());
  std::abort();
}
