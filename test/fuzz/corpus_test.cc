// The fuzzer's corpus as a test: what once was found stays mended, also under other compilers and sanitizers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "test/fuzz/run.h"

namespace zirconia::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Corpus() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(FUZZ_CORPUS)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("every input of the fuzzer's corpus leaves the kernel whole") {
  const std::vector<fs::path> files = Corpus();
  CHECK(files.size() >= 20);
  for (const fs::path& file : files) {
    INFO("tools/dev fuzz " << file.string());
    std::ifstream in(file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::string wrong = RunInput({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    INFO(wrong);
    CHECK(wrong.empty());
  }
}

TEST_CASE("system calls made of random bytes leave the kernel whole") {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    std::vector<uint8_t> bytes(20 + random() % 480);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    INFO("seed " << seed);
    const std::string wrong = RunInput(bytes);
    INFO(wrong);
    CHECK(wrong.empty());
  }
}

}  // namespace
}  // namespace zirconia::fuzz
