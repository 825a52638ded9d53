// The READMEs show the example as it is tested.
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// The source from its first include on, each line as a README shows code.
std::string AsCodeBlock(const std::string& source) {
  std::istringstream lines(source.substr(source.find("#include")));
  std::string block, line;
  while (std::getline(lines, line)) block += line.empty() ? "\n" : "    " + line + "\n";
  return block;
}

TEST_CASE("the library's README shows the test that runs", "[library]") {
  const std::string example = AsCodeBlock(Read(SOURCE_ROOT "/test/library/readme_test.cc"));
  CHECK(Read(SOURCE_ROOT "/kernel_sim/library/README.md").find(example) != std::string::npos);
}

}  // namespace
