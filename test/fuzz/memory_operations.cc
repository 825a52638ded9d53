// Loads and stores, streams, and what goes wrong below the kernel.
#include <array>
#include <cstring>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

void Load(Program& p) {
  const uint64_t address = p.Address();
  p.TraceCall("load", {address});
  const bool ok = p.kernel().Load<uint64_t>(address).has_value();
  p.TraceResult(ok ? ZX_OK : ZX_ERR_NOT_FOUND);
  p.Touched();
}

void Store(Program& p) {
  const uint64_t address = p.Address();
  const uint8_t value = p.input().Byte();
  const uint64_t calls = p.calls();
  p.TraceCall("store", {address, value});
  const bool ok = p.kernel().Store(address, value);
  const auto now = ok ? p.kernel().Load<uint8_t>(address) : std::nullopt;
  p.TraceResult(ok ? ZX_OK : ZX_ERR_NOT_FOUND);
  p.Touched();
  if (now.has_value() && p.calls() == calls && *now != value) p.Wrong("what was stored isn't what is loaded");
}

void StreamCreate(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint32_t options = p.Bits(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE | ZX_STREAM_MODE_APPEND);
  const uint64_t seek = p.Offset();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, stream_create, options, vmo, seek, out.pointer()), out);
}

// Up to three buffers.
struct Vector {
  std::array<zx_iovec_t, 3> parts{};
  size_t count = 0;
  explicit Vector(Program& p) : count(p.input().Below(parts.size() + 1)) {
    for (size_t i = 0; i < count; ++i) {
      parts[i].capacity = p.ShortSize();
      parts[i].buffer = p.Buffer(parts[i].capacity);
    }
  }
};

void StreamWrite(Program& p) {
  const zx_handle_t stream = p.Pick(ZX_OBJ_TYPE_STREAM);
  const uint32_t options = p.Bits(ZX_STREAM_APPEND);
  Vector vector(p);
  Program::Out<size_t> actual(p);
  ZX_CALL(kCopies, stream_writev, stream, options, vector.parts.data(), vector.count, actual.pointer());
}

void StreamWriteAt(Program& p) {
  const zx_handle_t stream = p.Pick(ZX_OBJ_TYPE_STREAM);
  const uint64_t offset = p.Offset();
  Vector vector(p);
  Program::Out<size_t> actual(p);
  ZX_CALL(kCopies, stream_writev_at, stream, 0, offset, vector.parts.data(), vector.count, actual.pointer());
}

void StreamRead(Program& p) {
  const zx_handle_t stream = p.Pick(ZX_OBJ_TYPE_STREAM);
  Vector vector(p);
  Program::Out<size_t> actual(p);
  ZX_CALL(kCopies, stream_readv, stream, 0, vector.parts.data(), vector.count, actual.pointer());
}

void StreamReadAt(Program& p) {
  const zx_handle_t stream = p.Pick(ZX_OBJ_TYPE_STREAM);
  const uint64_t offset = p.Offset();
  Vector vector(p);
  Program::Out<size_t> actual(p);
  ZX_CALL(kPlain, stream_readv_at, stream, 0, offset, vector.parts.data(), vector.count, actual.pointer());
}

void StreamSeek(Program& p) {
  const zx_handle_t stream = p.Pick(ZX_OBJ_TYPE_STREAM);
  const auto whence = static_cast<uint32_t>(p.input().Below(4));
  const auto offset = static_cast<int64_t>(p.Offset());
  Program::Out<zx_off_t> out(p);
  ZX_CALL(kPlain, stream_seek, stream, whence, offset, out.pointer());
}

// One of the next allocations of frames fails.
void FailAllocation(Program& p) {
  const uint64_t n = 1 + p.input().Below(16);
  p.TraceCall("fail allocation", {n});
  p.kernel().FailAllocation(n);
  p.TraceResult(ZX_OK);
}

// Host calls fail, or don't any more.
void FailHostCalls(Program& p) {
  const uint8_t choice = p.input().Byte();
  p.TraceCall("fail host calls", {choice});
  p.TraceResult(ZX_OK);
  if (choice < 0x80) {
    p.kernel().StopFailing();
  } else if (choice < 0xc0) {
    p.kernel().FailHostCallsAtRandom(choice, 2 + choice % 8);
  } else {
    testing::HostFailures failures;
    failures.first = 1 + choice % 8;
    failures.times = 1 + choice / 8 % 4;
    failures.tears = choice >= 0xe0;
    p.kernel().FailHostCalls(failures);
  }
}

constexpr std::array<Operation, 10> kOperations = {{{"load", Load},
                                                    {"store", Store},
                                                    {"stream_create", StreamCreate},
                                                    {"stream_writev", StreamWrite},
                                                    {"stream_writev_at", StreamWriteAt},
                                                    {"stream_readv", StreamRead},
                                                    {"stream_readv_at", StreamReadAt},
                                                    {"stream_seek", StreamSeek},
                                                    {"fail an allocation", FailAllocation},
                                                    {"fail host calls", FailHostCalls}}};

}  // namespace

std::span<const Operation> MemoryOperations() { return kOperations; }

}  // namespace zirconia::fuzz
