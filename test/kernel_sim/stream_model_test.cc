// Streams under random use, against a model that holds the VMO's bytes in a string.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "kernel_sim/stream.h"
#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

struct Model {
  std::string memory;  // all of the VMO
  uint64_t content = 0;
  uint64_t seek = 0;
  bool resizable = false;

  static uint64_t Rounded(uint64_t size) { return (size + mm::kPageSize - 1) / mm::kPageSize * mm::kPageSize; }

  std::string Read(uint64_t offset, uint64_t size) const {
    return offset >= content ? "" : memory.substr(offset, std::min(size, content - offset));
  }
  zx_status_t Write(uint64_t offset, const std::string& data, size_t* done) {
    *done = 0;
    if (data.empty()) return ZX_OK;
    if (offset + data.size() > memory.size() && resizable) memory.resize(Rounded(offset + data.size()), '\0');
    if (offset >= memory.size()) return ZX_ERR_NO_SPACE;
    *done = std::min<uint64_t>(data.size(), memory.size() - offset);
    if (offset > content) std::fill(memory.begin() + ssize_t(content), memory.begin() + ssize_t(offset), '\0');
    memory.replace(offset, *done, data, 0, *done);
    content = std::max<uint64_t>(content, offset + *done);
    return ZX_OK;
  }
};

TEST_CASE_METHOD(SyscallTest, "streams under random use hold what a string would hold", "[stream]") {
  const auto seed = static_cast<uint32_t>(GENERATE(range(1, 21)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t n) { return random() % n; };
  Model model;
  model.resizable = seed % 2 == 0;
  model.memory.resize(Model::Rounded(below(4) * mm::kPageSize), '\0');
  model.content = model.memory.size();
  const zx_handle_t vmo = program.MakeVmo(model.memory.size(), model.resizable ? ZX_VMO_RESIZABLE : 0);
  zx_handle_t stream = ZX_HANDLE_INVALID;
  REQUIRE(program(sys::stream_create, ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &stream) == ZX_OK);

  for (int step = 0; step < 300; ++step) {
    const uint64_t choice = below(8);
    CAPTURE(step, choice);
    const uint64_t offset = below(6 * mm::kPageSize);
    // Some bytes, in up to four buffers.
    std::string data(below(2) == 0 ? below(20) : below(2 * mm::kPageSize), '\0');
    for (char& c : data) c = static_cast<char>('a' + below(26));
    std::string buffer = choice == 3 || choice == 4 ? std::string(data.size(), '?') : data;
    std::vector<zx_iovec_t> vector;
    for (size_t at = 0, parts = 1 + below(4); parts > 0; --parts) {
      const size_t n = parts == 1 ? buffer.size() - at : below(buffer.size() - at + 1);
      vector.push_back({buffer.data() + at, n});
      at += n;
    }
    size_t actual = 0;
    size_t expected = 0;
    switch (choice) {
      case 0:
      case 1: {
        const bool append = choice == 1;
        const uint64_t to = append ? model.content : model.seek;
        const zx_status_t s =
            program(sys::stream_writev, stream, append ? ZX_STREAM_APPEND : 0u, vector.data(), vector.size(), &actual);
        REQUIRE(s == model.Write(to, data, &expected));
        REQUIRE(actual == expected);
        if (s == ZX_OK) model.seek = to + expected;
        break;
      }
      case 2: {
        const zx_status_t s = program(sys::stream_writev_at, stream, 0u, offset, vector.data(), vector.size(), &actual);
        REQUIRE(s == model.Write(offset, data, &expected));
        REQUIRE(actual == expected);
        break;
      }
      case 3:
      case 4: {
        const uint64_t from = choice == 3 ? model.seek : offset;
        const zx_status_t s =
            choice == 3 ? program(sys::stream_readv, stream, 0u, vector.data(), vector.size(), &actual)
                        : program(sys::stream_readv_at, stream, 0u, offset, vector.data(), vector.size(), &actual);
        REQUIRE(s == ZX_OK);
        REQUIRE(buffer.substr(0, actual) == model.Read(from, buffer.size()));
        REQUIRE(buffer.substr(actual) == std::string(buffer.size() - actual, '?'));
        if (choice == 3) model.seek += actual;
        break;
      }
      case 5: {
        REQUIRE(program(sys::stream_seek, stream, ZX_STREAM_SEEK_ORIGIN_START, static_cast<int64_t>(offset), nullptr) ==
                ZX_OK);
        model.seek = offset;
        break;
      }
      case 6: {  // the VMO's other users
        const uint64_t content = below(model.memory.size() + 1);
        REQUIRE(program(sys::object_set_property, vmo, ZX_PROP_VMO_CONTENT_SIZE, &content, sizeof(content)) == ZX_OK);
        model.content = content;
        data.resize(std::min<uint64_t>(data.size(), model.memory.size() - content));
        REQUIRE(program(sys::vmo_write, vmo, data.data(), content, data.size()) == ZX_OK);
        model.memory.replace(content, data.size(), data);
        break;
      }
      default: {
        if (!model.resizable) break;
        REQUIRE(program(sys::vmo_set_size, vmo, offset) == ZX_OK);
        model.memory.resize(offset);  // the rest of the last page is lost
        model.memory.resize(Model::Rounded(offset), '\0');
        model.content = offset;
        break;
      }
    }
    std::string whole(model.memory.size(), '?');
    REQUIRE(program(sys::vmo_read, vmo, whole.data(), 0, whole.size()) == ZX_OK);
    REQUIRE((whole == model.memory));
    zx_info_stream_t info{};
    REQUIRE(program(sys::object_get_info, stream, ZX_INFO_STREAM, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    REQUIRE(info.seek == model.seek);
    REQUIRE(info.content_size == model.content);
  }
}

}  // namespace
}  // namespace zirconia::kernel
