#include "mm/vm_object.h"

#include <catch2/catch.hpp>

#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;

struct Machine {
  HeapPhysicalMemory memory{PageCount(256)};
  FrameAllocator frames{memory};
  std::shared_ptr<VmObject> Vmo(uint64_t bytes, bool resizable = false) {
    return *VmObject::Create(frames, ByteSize(bytes), resizable);
  }
};

std::vector<std::byte> ReadAll(VmObject& vmo) {
  std::vector<std::byte> bytes(vmo.size().value(), std::byte{0xee});
  REQUIRE(vmo.Read(ByteSize(0), absl::MakeSpan(bytes)).ok());
  return bytes;
}

TEST_CASE("VmObject: sizes round up to pages, and too large is OUT_OF_RANGE") {
  Machine m;
  CHECK(m.Vmo(0)->size() == ByteSize(0));
  CHECK(m.Vmo(1)->size() == Pages(1));
  CHECK(m.Vmo(4096)->size() == Pages(1));
  CHECK(VmObject::Create(m.frames, VmObject::kMaxSize, false).ok());
  CHECK(VmObject::Create(m.frames, VmObject::kMaxSize + ByteSize(1), false).status().code() == StatusCode::kOutOfRange);
  CHECK(VmObject::Create(m.frames, ByteSize(~uint64_t{0}), false).status().code() == StatusCode::kOutOfRange);
}

TEST_CASE("VmObject: reading commits nothing, writing commits the pages that it touches") {
  Machine m;
  const auto vmo = m.Vmo(8 * kPageSize);
  CHECK(ReadAll(*vmo) == Bytes(8 * kPageSize, 0));
  CHECK(vmo->committed_pages() == PageCount(0));
  REQUIRE(vmo->Write(ByteSize(2 * kPageSize - 1), Bytes(2, 7)).ok());
  CHECK(vmo->committed_pages() == PageCount(2));
  auto expected = Bytes(8 * kPageSize, 0);
  expected[2 * kPageSize - 1] = expected[2 * kPageSize] = std::byte{7};
  CHECK(ReadAll(*vmo) == expected);
}

TEST_CASE("VmObject: what isn't wholly inside is OUT_OF_RANGE, and nothing is done") {
  Machine m;
  const auto vmo = m.Vmo(2 * kPageSize);
  std::vector<std::byte> buffer(kPageSize);
  const ByteSize end = Pages(2), huge(~uint64_t{0});
  CHECK(vmo->Read(end, {}).ok());
  CHECK(vmo->Write(end, {}).ok());
  CHECK(vmo->Commit(end, ByteSize(0)).ok());
  CHECK(vmo->Read(end + ByteSize(1), {}).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Read(ByteSize(kPageSize + 1), absl::MakeSpan(buffer)).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Write(ByteSize(kPageSize + 1), buffer).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Commit(ByteSize(kPageSize), Pages(2)).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Commit(Pages(1), huge).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Zero(huge, Pages(1)).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Decommit(Pages(1), Pages(2)).code() == StatusCode::kOutOfRange);
  CHECK(vmo->Decommit(ByteSize(1), Pages(1)).code() == StatusCode::kInvalidArgument);
  CHECK(vmo->Pin(end, ByteSize(1), Access::kRead).status().code() == StatusCode::kOutOfRange);
  CHECK(vmo->committed_pages() == PageCount(0));
}

TEST_CASE("VmObject: committing is all or nothing, and exact") {
  Machine m;
  const auto vmo = m.Vmo(300 * kPageSize);
  REQUIRE(vmo->Write(Pages(10), Bytes(1, 1)).ok());
  CHECK(vmo->Commit(ByteSize(0), Pages(300)).code() == StatusCode::kResourceExhausted);
  CHECK(vmo->committed_pages() == PageCount(1));
  CHECK(m.frames.stats().used == PageCount(1));
  REQUIRE(vmo->Commit(ByteSize(1), Pages(20)).ok());
  CHECK(vmo->committed_pages() == PageCount(21));
  CHECK(vmo->run_count() == 1);
  const std::shared_ptr<VmObject> all[] = {vmo};
  CHECK(VerifyFrames(m.frames, all) == absl::OkStatus());
}

TEST_CASE("VmObject: each frame allocation of a commit failing in turn leaves it as it was") {
  Machine m;
  const auto vmo = m.Vmo(16 * kPageSize);
  for (uint64_t page = 1; page < 16; page += 4) REQUIRE(vmo->Write(Pages(page), Bytes(1, 1)).ok());
  uint64_t n = 1;
  for (;; ++n) {
    m.frames.FailAfter(n);
    const absl::Status status = vmo->Commit(ByteSize(0), Pages(16));
    if (status.ok()) break;
    REQUIRE(status.code() == StatusCode::kResourceExhausted);
    REQUIRE(vmo->committed_pages() == PageCount(4));
    const std::shared_ptr<VmObject> all[] = {vmo};
    REQUIRE(VerifyFrames(m.frames, all) == absl::OkStatus());
  }
  CHECK(n > 2);
  CHECK(vmo->committed_pages() == PageCount(16));
}

TEST_CASE("VmObject: decommitted pages read as zeros and give their frames back") {
  Machine m;
  const auto vmo = m.Vmo(4 * kPageSize);
  REQUIRE(vmo->Write(ByteSize(0), Bytes(4 * kPageSize, 5)).ok());
  REQUIRE(vmo->Decommit(Pages(1), Pages(2)).ok());
  CHECK(vmo->committed_pages() == PageCount(2));
  CHECK(m.frames.stats().used == PageCount(2));
  auto expected = Bytes(4 * kPageSize, 5);
  std::fill_n(expected.begin() + kPageSize, 2 * kPageSize, std::byte{0});
  CHECK(ReadAll(*vmo) == expected);
}

TEST_CASE("VmObject: zeroing clears parts of pages and gives whole ones back") {
  Machine m;
  const auto vmo = m.Vmo(4 * kPageSize);
  REQUIRE(vmo->Write(ByteSize(0), Bytes(4 * kPageSize, 5)).ok());
  REQUIRE(vmo->Zero(ByteSize(100), ByteSize(3 * kPageSize)).ok());
  CHECK(vmo->committed_pages() == PageCount(2));
  auto expected = Bytes(4 * kPageSize, 5);
  std::fill_n(expected.begin() + 100, 3 * kPageSize, std::byte{0});
  CHECK(ReadAll(*vmo) == expected);
  REQUIRE(vmo->Zero(ByteSize(10), ByteSize(20)).ok());
  std::fill_n(expected.begin() + 10, 20, std::byte{0});
  CHECK(ReadAll(*vmo) == expected);
  CHECK(vmo->committed_pages() == PageCount(2));
}

TEST_CASE("VmObject: shrinking gives pages back, and growing again shows zeros") {
  Machine m;
  const auto vmo = m.Vmo(4 * kPageSize, true);
  REQUIRE(vmo->Write(ByteSize(0), Bytes(4 * kPageSize, 5)).ok());
  REQUIRE(vmo->Resize(ByteSize(kPageSize + 1)).ok());
  CHECK(vmo->size() == Pages(2));
  CHECK(m.frames.stats().used == PageCount(2));
  REQUIRE(vmo->Resize(Pages(4)).ok());
  auto expected = Bytes(4 * kPageSize, 0);
  std::fill_n(expected.begin(), kPageSize + 1, std::byte{5});
  CHECK(ReadAll(*vmo) == expected);
  CHECK(vmo->Resize(VmObject::kMaxSize + ByteSize(1)).code() == StatusCode::kOutOfRange);
  CHECK(m.Vmo(kPageSize)->Resize(ByteSize(0)).code() == StatusCode::kUnavailable);
}

TEST_CASE("VmObject: a pin is one run of frames or one stretch of zeros, and keeps the frames from being reused") {
  Machine m;
  const auto vmo = m.Vmo(8 * kPageSize);
  REQUIRE(vmo->Write(Pages(2), Bytes(2 * kPageSize, 5)).ok());
  auto zeros = vmo->Pin(ByteSize(100), Pages(8), Access::kRead);
  REQUIRE(zeros.ok());
  CHECK(zeros->data == nullptr);
  CHECK(zeros->size == ByteSize(2 * kPageSize - 100));
  auto frames = vmo->Pin(ByteSize(2 * kPageSize + 10), Pages(8), Access::kRead);
  REQUIRE(frames.ok());
  CHECK(frames->size == ByteSize(2 * kPageSize - 10));
  CHECK(frames->data[0] == std::byte{5});
  auto written = vmo->Pin(ByteSize(5 * kPageSize - 1), ByteSize(2), Access::kWrite);
  REQUIRE(written.ok());
  CHECK(written->size == ByteSize(2));
  CHECK(vmo->committed_pages() == PageCount(4));
  REQUIRE(vmo->Decommit(ByteSize(0), Pages(8)).ok());
  CHECK(m.frames.stats().used == PageCount(4));
  frames = absl::NotFoundError("");
  written = absl::NotFoundError("");
  CHECK(m.frames.stats().used == PageCount(0));
}

TEST_CASE("VmObject: a write that runs out of frames changes nothing") {
  Machine m;
  const auto vmo = m.Vmo(300 * kPageSize);
  REQUIRE(vmo->Write(ByteSize(0), Bytes(10, 5)).ok());
  CHECK(vmo->Write(ByteSize(0), Bytes(290 * kPageSize, 6)).code() == StatusCode::kResourceExhausted);
  std::vector<std::byte> bytes(10);
  REQUIRE(vmo->Read(ByteSize(0), absl::MakeSpan(bytes)).ok());
  CHECK(bytes == Bytes(10, 5));
  CHECK(vmo->committed_pages() == PageCount(1));
}

}  // namespace
}  // namespace zirconia::mm
