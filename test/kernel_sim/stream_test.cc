// Streams: zx_stream_*, ZX_INFO_STREAM.
#include "kernel_sim/stream.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

constexpr uint32_t kReadWrite = ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE;

struct StreamTest : SyscallTest {
  zx_handle_t Make(zx_handle_t vmo, uint32_t mode = kReadWrite, uint64_t seek = 0) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::stream_create, mode, vmo, seek, &out) == ZX_OK);
    return out;
  }
  // A VMO whose content ends at `content`.
  zx_handle_t Vmo(uint64_t size, uint64_t content, uint32_t options = 0) {
    const zx_handle_t vmo = program.MakeVmo(size, options);
    SetContent(vmo, content);
    return vmo;
  }
  void SetContent(zx_handle_t vmo, uint64_t content) {
    REQUIRE(program(sys::object_set_property, vmo, ZX_PROP_VMO_CONTENT_SIZE, &content, sizeof(content)) == ZX_OK);
  }
  uint64_t Content(zx_handle_t vmo) {
    uint64_t content = 0;
    REQUIRE(program(sys::object_get_property, vmo, ZX_PROP_VMO_CONTENT_SIZE, &content, sizeof(content)) == ZX_OK);
    return content;
  }
  uint64_t Size(zx_handle_t vmo) {
    uint64_t size = 0;
    REQUIRE(program(sys::vmo_get_size, vmo, &size) == ZX_OK);
    return size;
  }
  void Fill(zx_handle_t vmo, uint64_t offset, const std::string& text) {
    REQUIRE(program(sys::vmo_write, vmo, text.data(), offset, text.size()) == ZX_OK);
  }
  std::string Look(zx_handle_t vmo, uint64_t offset, size_t size) {
    std::string text(size, '?');
    REQUIRE(program(sys::vmo_read, vmo, text.data(), offset, size) == ZX_OK);
    return text;
  }
  // Writes and reads a single buffer; the result's length is the actual count.
  zx_status_t Write(zx_handle_t stream, const std::string& text, uint32_t options = 0, size_t* actual = nullptr) {
    const zx_iovec_t vector{const_cast<char*>(text.data()), text.size()};
    size_t done = 0;
    const zx_status_t s = program(sys::stream_writev, stream, options, &vector, size_t{1}, &done);
    if (actual != nullptr) *actual = done;
    return s;
  }
  std::string Read(zx_handle_t stream, size_t size) {
    std::string text(size, '?');
    zx_iovec_t vector{text.data(), size};
    size_t done = 99999;
    REQUIRE(program(sys::stream_readv, stream, 0u, &vector, size_t{1}, &done) == ZX_OK);
    return text.substr(0, done);
  }
  uint64_t Seek(zx_handle_t stream, zx_stream_seek_origin_t whence = ZX_STREAM_SEEK_ORIGIN_CURRENT, int64_t by = 0) {
    uint64_t seek = 0;
    REQUIRE(program(sys::stream_seek, stream, whence, by, &seek) == ZX_OK);
    return seek;
  }
};

TEST_CASE_METHOD(StreamTest, "a stream's rights follow its mode", "[stream]") {
  const zx_handle_t vmo = program.MakeVmo(4096);
  CHECK(program.RightsOf(Make(vmo, 0)) == ZX_DEFAULT_STREAM_RIGHTS);
  CHECK(program.RightsOf(Make(vmo, ZX_STREAM_MODE_READ)) == (ZX_DEFAULT_STREAM_RIGHTS | ZX_RIGHT_READ));
  CHECK(program.RightsOf(Make(vmo, ZX_STREAM_MODE_WRITE)) == (ZX_DEFAULT_STREAM_RIGHTS | ZX_RIGHT_WRITE));
  CHECK(program.Basic(Make(vmo)).type == ZX_OBJ_TYPE_STREAM);
  CHECK(program.Basic(Make(vmo)).related_koid == program.Basic(vmo).koid);
}

TEST_CASE_METHOD(StreamTest, "zx_stream_create: errors", "[stream]") {
  const zx_handle_t vmo = program.MakeVmo(4096);
  zx_handle_t out = 0;
  const auto create = [&](uint32_t mode, zx_handle_t of) { return program(sys::stream_create, mode, of, 0, &out); };
  CHECK(create(kReadWrite, zx_handle_t{3}) == ZX_ERR_BAD_HANDLE);
  CHECK(create(kReadWrite, program.vmar) == ZX_ERR_WRONG_TYPE);
  CHECK(create(ZX_STREAM_MODE_READ, program.Without(vmo, ZX_RIGHT_READ)) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(ZX_STREAM_MODE_WRITE, program.Without(vmo, ZX_RIGHT_WRITE)) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(ZX_STREAM_MODE_READ, program.Without(vmo, ZX_RIGHT_WRITE)) == ZX_OK);
  CHECK(create(8, vmo) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::stream_create, kReadWrite, vmo, 0, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::stream_create, kReadWrite, vmo, 0, nullptr) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(StreamTest, "a stream begins where it was told to, also beyond its end", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 6);
  Fill(vmo, 0, "abcdef");
  CHECK(Read(Make(vmo, kReadWrite, 2), 10) == "cdef");
  CHECK(Read(Make(vmo, kReadWrite, 100), 10).empty());
}

TEST_CASE_METHOD(StreamTest, "reads go on where the last ended, up to the end of the content", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 6);
  Fill(vmo, 0, "abcdefXYZ");
  const zx_handle_t stream = Make(vmo);
  CHECK(Read(stream, 4) == "abcd");
  CHECK(Seek(stream) == 4);
  CHECK(Read(stream, 4) == "ef");
  CHECK(Seek(stream) == 6);
  CHECK(Read(stream, 4).empty());
  CHECK(Seek(stream) == 6);
}

TEST_CASE_METHOD(StreamTest, "buffers of a vector are filled one after the other", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 6);
  Fill(vmo, 0, "abcdef");
  const zx_handle_t stream = Make(vmo);
  char a[3] = {}, b[9] = {};
  std::array vector{zx_iovec_t{a, 2}, zx_iovec_t{nullptr, 0}, zx_iovec_t{b, 8}};
  size_t actual = 0;
  REQUIRE(program(sys::stream_readv, stream, 0u, vector.data(), vector.size(), &actual) == ZX_OK);
  CHECK(actual == 6);
  CHECK(std::string(a) == "ab");
  CHECK(std::string(b) == "cdef");
}

TEST_CASE_METHOD(StreamTest, "readv_at and writev_at leave the seek offset alone", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 6);
  Fill(vmo, 0, "abcdef");
  const zx_handle_t stream = Make(vmo, kReadWrite, 1);
  std::string text(8, '?');
  zx_iovec_t vector{text.data(), text.size()};
  size_t actual = 0;
  REQUIRE(program(sys::stream_readv_at, stream, 0u, 4, &vector, size_t{1}, &actual) == ZX_OK);
  CHECK(text.substr(0, actual) == "ef");
  REQUIRE(program(sys::stream_readv_at, stream, 0u, 99, &vector, size_t{1}, &actual) == ZX_OK);
  CHECK(actual == 0);
  const zx_iovec_t out{const_cast<char*>("ZZ"), 2};
  REQUIRE(program(sys::stream_writev_at, stream, 0u, 3, &out, size_t{1}, &actual) == ZX_OK);
  CHECK(actual == 2);
  CHECK(Look(vmo, 0, 6) == "abcZZf");
  CHECK(Seek(stream) == 1);
  CHECK(Content(vmo) == 6);
}

TEST_CASE_METHOD(StreamTest, "actual may be null, and a bad one is an error", "[stream]") {
  const zx_handle_t stream = Make(Vmo(4096, 4));
  char bytes[4] = {};
  zx_iovec_t vector{bytes, 1};
  CHECK(program(sys::stream_readv, stream, 0u, &vector, size_t{1}, nullptr) == ZX_OK);
  CHECK(program(sys::stream_writev, stream, 0u, &vector, size_t{1}, nullptr) == ZX_OK);
  CHECK(program(sys::stream_readv, stream, 0u, &vector, size_t{1}, BadPointer<size_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::stream_writev, stream, 0u, &vector, size_t{1}, BadPointer<size_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(StreamTest, "a write grows the content within the VMO", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 2);
  const zx_handle_t stream = Make(vmo, kReadWrite, 1);
  size_t actual = 0;
  CHECK(Write(stream, "hello", 0, &actual) == ZX_OK);
  CHECK(actual == 5);
  CHECK(Seek(stream) == 6);
  CHECK(Content(vmo) == 6);
  CHECK(Look(vmo, 1, 5) == "hello");
}

TEST_CASE_METHOD(StreamTest, "what lies between the old end and a write is zeros", "[stream]") {
  const zx_handle_t vmo = Vmo(2 * 4096, 3);
  Fill(vmo, 0, std::string(2 * 4096, 'x'));
  CHECK(Write(Make(vmo, kReadWrite, 5000), "end") == ZX_OK);
  CHECK(Content(vmo) == 5003);
  CHECK(Look(vmo, 0, 3) == "xxx");
  CHECK(Look(vmo, 3, 4997) == std::string(4997, '\0'));
  CHECK(Look(vmo, 5000, 4) == "endx");
}

TEST_CASE_METHOD(StreamTest, "a write beyond the VMO's end grows a resizable VMO", "[stream]") {
  const zx_handle_t vmo = Vmo(0, 0, ZX_VMO_RESIZABLE);
  const zx_handle_t stream = Make(vmo);
  CHECK(Write(stream, std::string(5000, 'a')) == ZX_OK);
  CHECK(Size(vmo) == 2 * 4096);
  CHECK(Content(vmo) == 5000);
  CHECK(Look(vmo, 4999, 2) == std::string("a\0", 2));
}

TEST_CASE_METHOD(StreamTest, "what fits of a write to a full VMO is written; if nothing does: NO_SPACE", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 4090);
  const zx_handle_t stream = Make(vmo, kReadWrite, 4090);
  size_t actual = 0;
  CHECK(Write(stream, "0123456789", 0, &actual) == ZX_OK);
  CHECK(actual == 6);
  CHECK(Content(vmo) == 4096);
  CHECK(Seek(stream) == 4096);
  CHECK(Write(stream, "6789", 0, &actual) == ZX_ERR_NO_SPACE);
  CHECK(Seek(stream) == 4096);
  CHECK(Write(stream, "", 0, &actual) == ZX_OK);
  CHECK(actual == 0);
}

TEST_CASE_METHOD(StreamTest, "beyond what any VMO can be: FILE_BIG", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 1, ZX_VMO_RESIZABLE);
  for (const uint64_t seek : {uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 1, mm::VmObject::kMaxSize.value()}) {
    const zx_handle_t stream = Make(vmo, kReadWrite, seek);
    CHECK(Write(stream, "abc") == ZX_ERR_FILE_BIG);
    CHECK(Content(vmo) == 1);
  }
  const zx_iovec_t vector{const_cast<char*>("abc"), 3};
  CHECK(program(sys::stream_writev_at, Make(vmo), 0u, UINT64_MAX, &vector, size_t{1}, nullptr) == ZX_ERR_FILE_BIG);
}

TEST_CASE_METHOD(StreamTest, "ZX_STREAM_APPEND writes at the end of the content, and seeks there", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 3);
  Fill(vmo, 0, "abc");
  const zx_handle_t stream = Make(vmo);
  CHECK(Write(stream, "def", ZX_STREAM_APPEND) == ZX_OK);
  CHECK(Look(vmo, 0, 6) == "abcdef");
  CHECK(Seek(stream) == 6);
  const zx_handle_t appending = Make(vmo, kReadWrite | ZX_STREAM_MODE_APPEND);
  CHECK(Write(appending, "g") == ZX_OK);
  CHECK(Content(vmo) == 7);
}

TEST_CASE_METHOD(StreamTest, "a write that grows a VMO doesn't undo that another thread grows it further", "[stream]") {
  constexpr int kRounds = 3000;
  constexpr uint64_t kLarge = 1 << 20;
  const std::string text(5000, 'x');
  std::atomic<zx_handle_t> vmo{ZX_HANDLE_INVALID};
  std::atomic<int> begun{0}, ended{0};
  std::thread grows([&] {
    for (int i = 1; i <= kRounds; ++i) {
      while (begun < i) std::this_thread::yield();
      program(sys::vmo_set_size, vmo.load(), kLarge);
      ended = i;
    }
  });
  int sizes_lost = 0, contents_lost = 0;
  for (int i = 1; i <= kRounds; ++i) {
    vmo = Vmo(mm::kPageSize, 0, ZX_VMO_RESIZABLE);
    const zx_handle_t stream = Make(vmo);
    const zx_iovec_t vector{const_cast<char*>(text.data()), text.size()};
    begun = i;
    for (volatile int wait = i % 300; wait > 0; wait = wait - 1) {
    }
    program(sys::stream_writev, stream, 0u, &vector, size_t{1}, nullptr);
    while (ended < i) std::this_thread::yield();
    sizes_lost += Size(vmo) != kLarge ? 1 : 0;
    contents_lost += Content(vmo) != kLarge ? 1 : 0;
    program(sys::handle_close, stream);
    program(sys::handle_close, vmo.load());
  }
  grows.join();
  CHECK(sizes_lost == 0);
  CHECK(contents_lost == 0);
}

TEST_CASE_METHOD(StreamTest, "appends at the same time don't overwrite one another", "[stream]") {
  constexpr int kThreads = 4, kWrites = 300;
  const zx_handle_t vmo = Vmo(0, 0, ZX_VMO_RESIZABLE);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    const zx_handle_t stream = Make(vmo);
    threads.emplace_back([this, stream, t] {
      std::string text(7, static_cast<char>('a' + t));
      const zx_iovec_t vector{text.data(), text.size()};
      for (int i = 0; i < kWrites; ++i) {
        program(sys::stream_writev, stream, ZX_STREAM_APPEND, &vector, size_t{1}, nullptr);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(Content(vmo) == kThreads * kWrites * 7);
  const std::string all = Look(vmo, 0, kThreads * kWrites * 7);
  std::array<int, kThreads> counts{};
  for (size_t at = 0; at < all.size(); at += 7) {
    REQUIRE(all.substr(at, 7) == std::string(7, all[at]));
    ++counts[static_cast<size_t>(all[at] - 'a')];
  }
  for (const int count : counts) CHECK(count == kWrites);
}

TEST_CASE_METHOD(StreamTest, "a bad buffer ends a transfer; what was before it counts", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 4);
  Fill(vmo, 0, "abcd");
  const zx_handle_t stream = Make(vmo);
  char good[2] = {};
  std::array vector{zx_iovec_t{good, 2}, zx_iovec_t{BadPointer<char>(), 2}};
  size_t actual = 0;
  REQUIRE(program(sys::stream_readv, stream, 0u, vector.data(), size_t{2}, &actual) == ZX_OK);
  CHECK(actual == 2);
  CHECK(Seek(stream) == 2);
  CHECK(program(sys::stream_readv, stream, 0u, &vector[1], size_t{1}, &actual) == ZX_ERR_NOT_FOUND);

  Seek(stream, ZX_STREAM_SEEK_ORIGIN_START, 4);
  REQUIRE(program(sys::stream_writev, stream, 0u, vector.data(), size_t{2}, &actual) == ZX_OK);
  CHECK(actual == 2);
  CHECK(Content(vmo) == 6);  // what wasn't written isn't content
  CHECK(Seek(stream) == 6);
  CHECK(program(sys::stream_writev, stream, 0u, &vector[1], size_t{1}, &actual) == ZX_ERR_NOT_FOUND);
  CHECK(Content(vmo) == 6);
  CHECK(Seek(stream) == 6);
}

TEST_CASE_METHOD(StreamTest, "a write that can't begin grows nothing", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 4, ZX_VMO_RESIZABLE);
  const zx_handle_t stream = Make(vmo, kReadWrite, 5000);
  std::array vector{zx_iovec_t{BadPointer<char>(), 0}, zx_iovec_t{BadPointer<char>(), 1}};
  CHECK(program(sys::stream_writev, stream, 0u, vector.data(), size_t{2}, nullptr) == ZX_ERR_NOT_FOUND);
  CHECK(program(sys::stream_writev_at, stream, 0u, 9000, vector.data(), size_t{2}, nullptr) == ZX_ERR_NOT_FOUND);
  CHECK(Size(vmo) == 4096);
  CHECK(Content(vmo) == 4);
}

TEST_CASE_METHOD(StreamTest, "zx_stream_readv*, zx_stream_writev*: errors", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 4);
  const zx_handle_t stream = Make(vmo);
  char bytes[4] = {};
  zx_iovec_t vector{bytes, 4};
  const auto readv = [&](zx_handle_t handle, uint32_t options, zx_iovec_t* v, size_t n = 1) {
    const zx_status_t s = program(sys::stream_readv, handle, options, v, n, nullptr);
    CHECK(program(sys::stream_readv_at, handle, options, 0, v, n, nullptr) == s);
    return s;
  };
  const auto writev = [&](zx_handle_t handle, uint32_t options, zx_iovec_t* v, size_t n = 1) {
    const zx_status_t s = program(sys::stream_writev, handle, options, v, n, nullptr);
    CHECK(program(sys::stream_writev_at, handle, options, 0, v, n, nullptr) == s);
    return s;
  };
  CHECK(readv(zx_handle_t{3}, 0, &vector) == ZX_ERR_BAD_HANDLE);
  CHECK(writev(zx_handle_t{3}, 0, &vector) == ZX_ERR_BAD_HANDLE);
  CHECK(readv(vmo, 0, &vector) == ZX_ERR_WRONG_TYPE);
  CHECK(writev(vmo, 0, &vector) == ZX_ERR_WRONG_TYPE);
  CHECK(readv(Make(vmo, ZX_STREAM_MODE_WRITE), 0, &vector) == ZX_ERR_ACCESS_DENIED);
  CHECK(writev(Make(vmo, ZX_STREAM_MODE_READ), 0, &vector) == ZX_ERR_ACCESS_DENIED);
  CHECK(readv(stream, 1, &vector) == ZX_ERR_INVALID_ARGS);
  CHECK(writev(stream, 2, &vector) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::stream_writev_at, stream, ZX_STREAM_APPEND, 0, &vector, size_t{1}, nullptr) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(readv(stream, 0, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(writev(stream, 0, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(readv(stream, 0, BadPointer<zx_iovec_t>()) == ZX_ERR_NOT_FOUND);
  CHECK(writev(stream, 0, BadPointer<zx_iovec_t>()) == ZX_ERR_NOT_FOUND);
  zx_iovec_t nowhere{BadPointer<char>(), 4};
  CHECK(readv(stream, 0, &nowhere) == ZX_ERR_NOT_FOUND);
  CHECK(writev(stream, 0, &nowhere) == ZX_ERR_NOT_FOUND);
  std::array overflow{zx_iovec_t{bytes, SIZE_MAX}, zx_iovec_t{bytes, 1}};
  CHECK(readv(stream, 0, overflow.data(), 2) == ZX_ERR_INVALID_ARGS);
  CHECK(writev(stream, 0, overflow.data(), 2) == ZX_ERR_INVALID_ARGS);
  CHECK(Content(vmo) == 4);
}

TEST_CASE_METHOD(StreamTest, "many buffers are transferred in order", "[stream]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + i % 26);
  std::vector<zx_iovec_t> vector;
  for (char& c : text) vector.push_back({&c, 1});
  const zx_handle_t vmo = Vmo(4096, 0);
  size_t actual = 0;
  REQUIRE(program(sys::stream_writev, Make(vmo), 0u, vector.data(), vector.size(), &actual) == ZX_OK);
  CHECK(actual == 1000);
  CHECK(Look(vmo, 0, 1000) == text);
}

TEST_CASE_METHOD(StreamTest, "zx_stream_seek: origins", "[stream]") {
  const zx_handle_t stream = Make(Vmo(4096, 10));
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_START, 7) == 7);
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_CURRENT, -3) == 4);
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_CURRENT, 1) == 5);
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_END, -10) == 0);
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_END, 5) == 15);
  CHECK(program(sys::stream_seek, stream, ZX_STREAM_SEEK_ORIGIN_START, 3, nullptr) == ZX_OK);
  CHECK(Seek(stream) == 3);
}

TEST_CASE_METHOD(StreamTest, "zx_stream_seek: errors, which leave the offset", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 10);
  const zx_handle_t stream = Make(vmo, kReadWrite, 5);
  uint64_t out = 0;
  const auto seek = [&](zx_handle_t handle, zx_stream_seek_origin_t whence, int64_t by) {
    return program(sys::stream_seek, handle, whence, by, &out);
  };
  CHECK(seek(zx_handle_t{3}, 0, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(seek(vmo, 0, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(seek(Make(vmo, 0), 0, 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(seek(Make(vmo, ZX_STREAM_MODE_READ), 0, 0) == ZX_OK);
  CHECK(seek(Make(vmo, ZX_STREAM_MODE_WRITE), 0, 0) == ZX_OK);
  CHECK(seek(stream, 3, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(seek(stream, ZX_STREAM_SEEK_ORIGIN_START, -1) == ZX_ERR_INVALID_ARGS);
  CHECK(seek(stream, ZX_STREAM_SEEK_ORIGIN_CURRENT, -6) == ZX_ERR_INVALID_ARGS);
  CHECK(seek(Make(vmo, kReadWrite, UINT64_MAX), ZX_STREAM_SEEK_ORIGIN_CURRENT, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(seek(stream, ZX_STREAM_SEEK_ORIGIN_END, INT64_MIN) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::stream_seek, stream, ZX_STREAM_SEEK_ORIGIN_START, 9, BadPointer<uint64_t>()) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Seek(stream) == 5);
}

TEST_CASE_METHOD(StreamTest, "ZX_INFO_STREAM tells mode, seek offset and content size", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 10);
  const zx_handle_t stream = Make(vmo, ZX_STREAM_MODE_READ, 3);
  zx_info_stream_t info{};
  const auto get = [&](zx_handle_t handle) {
    return program(sys::object_get_info, handle, ZX_INFO_STREAM, &info, sizeof(info), nullptr, nullptr);
  };
  REQUIRE(get(stream) == ZX_OK);
  CHECK(info.options == ZX_STREAM_MODE_READ);
  CHECK(info.seek == 3);
  CHECK(info.content_size == 10);
  CHECK(get(vmo) == ZX_ERR_WRONG_TYPE);
  CHECK(get(program.Without(stream, ZX_RIGHT_INSPECT)) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(StreamTest, "a stream keeps its VMO, and a VMO that shrinks ends the stream", "[stream]") {
  const zx_handle_t vmo = Vmo(2 * 4096, 2 * 4096, ZX_VMO_RESIZABLE);
  const zx_handle_t stream = Make(vmo, kReadWrite, 4090);
  REQUIRE(program(sys::vmo_set_size, vmo, 4096) == ZX_OK);
  CHECK(Read(stream, 100).size() == 6);
  program.Close(vmo);
  CHECK(Seek(stream, ZX_STREAM_SEEK_ORIGIN_END) == 4096);
}

TEST_CASE_METHOD(StreamTest, "a VMO that isn't cached can't be read or written: BAD_STATE", "[stream]") {
  const zx_handle_t vmo = Vmo(4096, 4);
  const zx_handle_t stream = Make(vmo);
  REQUIRE(program(sys::vmo_set_cache_policy, vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
  char bytes[4] = {};
  zx_iovec_t vector{bytes, 4};
  CHECK(program(sys::stream_readv, stream, 0u, &vector, size_t{1}, nullptr) == ZX_ERR_BAD_STATE);
  CHECK(program(sys::stream_readv_at, stream, 0u, 0, &vector, size_t{1}, nullptr) == ZX_ERR_BAD_STATE);
  CHECK(program(sys::stream_writev, stream, 0u, &vector, size_t{1}, nullptr) == ZX_ERR_BAD_STATE);
  CHECK(program(sys::stream_writev_at, stream, 0u, 0, &vector, size_t{1}, nullptr) == ZX_ERR_BAD_STATE);
  CHECK(Seek(stream) == 0);
  REQUIRE(program(sys::vmo_set_cache_policy, vmo, ZX_CACHE_POLICY_CACHED) == ZX_OK);
  CHECK(Read(stream, 4) == std::string(4, '\0'));
}

}  // namespace
}  // namespace zirconia::kernel
