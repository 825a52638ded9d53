#include "mm/pool.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace zirconia::mm {
namespace {

struct Piece {
  std::byte* at;
  size_t size;
};

Piece Allocate(size_t size, int fill) {
  auto* const at = static_cast<std::byte*>(Pool::Allocate(size));
  std::memset(at, fill, size);
  return {at, size};
}

TEST_CASE("pieces of a pool are aligned, and hold what is written to them, whatever their sizes", "[mm]") {
  std::vector<Piece> pieces;
  for (int i = 0; i < 2000; ++i) {
    const auto size = static_cast<size_t>(i) * 7 % 3001 + 1;
    pieces.push_back(Allocate(size, i % 251));
    CHECK(reinterpret_cast<uintptr_t>(pieces.back().at) % alignof(std::max_align_t) == 0);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto expected = static_cast<std::byte>(i % 251);
    bool same = true;
    for (size_t k = 0; k < pieces[i].size; ++k) same &= pieces[i].at[k] == expected;
    CHECK(same);
    Pool::Free(pieces[i].at, pieces[i].size);
  }
}

TEST_CASE("what was given back to a pool is used again", "[mm]") {
  for (const size_t size : {size_t{24}, size_t{1024}, size_t{1025}, size_t{1} << 20}) {
    void* const piece = Pool::Allocate(size);
    Pool::Free(piece, size);
    CHECK(Pool::Allocate(size) == piece);
    Pool::Free(piece, size);
  }
}

TEST_CASE("threads share a pool", "[mm]") {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  threads.reserve(wrong.size());
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 2000; ++i) {
        const Piece piece = Allocate(100, t);
        for (size_t k = 0; k < piece.size; ++k) wrong[t] += piece.at[k] != static_cast<std::byte>(t);
        Pool::Free(piece.at, piece.size);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

}  // namespace
}  // namespace zirconia::mm
