// zx_stream_*.
#include "kernel_sim/stream.h"

#include <algorithm>
#include <array>

#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/vmo_copy.h"

namespace zirconia::kernel {
namespace {

// The buffers of a call, read from the program piece by piece: their number is its own choice.
class BufferVector {
 public:
  BufferVector(const Caller& caller, uint64_t address, size_t count)
      : caller_(caller), address_(address), count_(count) {}

  // How much they hold together. INVALID_ARGS: none are given, or more than can be counted. NOT_FOUND: they aren't
  // there.
  zx_status_t Capacity(size_t* capacity) const {
    if (address_ == 0) return ZX_ERR_INVALID_ARGS;
    *capacity = 0;
    return ForEach([&](const zx_iovec_t& buffer) {
      return __builtin_add_overflow(*capacity, buffer.capacity, capacity) ? ZX_ERR_INVALID_ARGS : ZX_OK;
    });
  }

  // Whether the first byte that a write would take is there: one that can't begin grows nothing. NOT_FOUND.
  zx_status_t Probe() const {
    const zx_status_t status = ForEach([&](const zx_iovec_t& buffer) {
      if (buffer.capacity == 0) return ZX_OK;
      std::byte first{};
      const zx_status_t s = caller_.memory.CopyIn(&first, reinterpret_cast<uint64_t>(buffer.buffer), 1);
      return s == ZX_OK ? ZX_ERR_STOP : ZX_ERR_NOT_FOUND;
    });
    return status == ZX_ERR_STOP ? ZX_OK : status;
  }

  // Calls `copy(address, offset, size, done)` for each until `size` bytes are done, or one isn't done whole.
  template <typename Copy>
  zx_status_t Transfer(uint64_t offset, size_t size, size_t* done, Copy copy) const {
    *done = 0;
    const zx_status_t status = ForEach([&](const zx_iovec_t& buffer) {
      const size_t wanted = std::min(buffer.capacity, size - *done);
      if (wanted == 0) return *done == size ? ZX_ERR_STOP : ZX_OK;
      size_t copied = 0;
      const zx_status_t s = copy(reinterpret_cast<uint64_t>(buffer.buffer), offset + *done, wanted, &copied);
      *done += copied;
      return s == ZX_ERR_INVALID_ARGS ? ZX_ERR_NOT_FOUND : s;  // nothing is mapped there
    });
    return status == ZX_ERR_STOP ? ZX_OK : status;
  }

 private:
  template <typename Visit>
  zx_status_t ForEach(Visit visit) const {
    std::array<zx_iovec_t, 64> piece{};
    for (size_t at = 0; at < count_; at += piece.size()) {
      if (caller_.thread.killed()) return ZX_ERR_CANCELED;
      const size_t n = std::min(piece.size(), count_ - at);
      const UserPtr<const zx_iovec_t> from(address_ + at * sizeof(zx_iovec_t));
      if (from.address() < address_) return ZX_ERR_NOT_FOUND;
      if (const zx_status_t s = from.ReadArray(caller_.memory, piece.data(), n); s != ZX_OK)
        return s == ZX_ERR_INVALID_ARGS ? ZX_ERR_NOT_FOUND : s;
      for (size_t i = 0; i < n; ++i) {
        if (const zx_status_t s = visit(piece[i]); s != ZX_OK) return s;
      }
    }
    return ZX_OK;
  }

  const Caller& caller_;
  const uint64_t address_;
  const size_t count_;
};

enum class Direction : uint8_t { kToProgram, kFromProgram };

// Runs `operation(size, transfer, done)` with what copies between the stream's VMO and the program's buffers.
template <Direction kDirection, typename Operation>
zx_status_t WithBuffers(const Caller& caller, uint64_t vector, size_t count, UserPtr<size_t> actual,
                        Operation operation) {
  const BufferVector buffers(caller, vector, count);
  size_t capacity = 0;
  if (const zx_status_t s = buffers.Capacity(&capacity); s != ZX_OK) return s;
  constexpr bool kReads = kDirection == Direction::kToProgram;
  if constexpr (!kReads) {
    if (const zx_status_t s = buffers.Probe(); s != ZX_OK) return s;
  }
  size_t done = 0;
  const auto transfer = [&](mm::VmObject& vmo, uint64_t offset, size_t size, size_t* moved) {
    return buffers.Transfer(offset, size, moved, [&](uint64_t address, uint64_t at, size_t n, size_t* copied) {
      return kReads ? CopyVmoOut(vmo, at, n, caller.memory, address, copied)
                    : CopyVmoIn(vmo, at, n, caller.memory, address, copied);
    });
  };
  if (const zx_status_t s = operation(capacity, transfer, &done); s != ZX_OK) return s;
  return actual.WriteIfWanted(caller.memory, done);
}

// Runs a write, after which programs see the VMO as large as it is then.
template <typename Write>
zx_status_t ShowingGrowth(const Caller& caller, const StreamDispatcher& stream, Write write) {
  const mm::ByteSize before = stream.vmo().size();
  const zx_status_t status = write();
  if (stream.vmo().size() > before) caller.kernel.ShowGrown(stream.vmo());
  return status;
}

}  // namespace

namespace sys {

zx_status_t stream_create(const Caller& caller, uint32_t options, zx_handle_t vmo_handle, zx_off_t seek,
                          UserPtr<zx_handle_t> out) {
  if ((options & ~ZX_STREAM_CREATE_MASK) != 0) return ZX_ERR_INVALID_ARGS;
  const zx_rights_t needed = ((options & ZX_STREAM_MODE_READ) != 0 ? ZX_RIGHT_READ : 0) |
                             ((options & ZX_STREAM_MODE_WRITE) != 0 ? ZX_RIGHT_WRITE : 0);
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(vmo_handle, needed, &vmo); s != ZX_OK) return s;
  return caller.GiveHandle(std::make_shared<StreamDispatcher>(caller.kernel.koids(), options, std::move(vmo), seek),
                           out);
}

zx_status_t stream_writev(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const zx_iovec_t> vector,
                          size_t count, UserPtr<size_t> actual) {
  std::shared_ptr<StreamDispatcher> stream;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &stream); s != ZX_OK) return s;
  if ((options & ~ZX_STREAM_APPEND) != 0) return ZX_ERR_INVALID_ARGS;
  return WithBuffers<Direction::kFromProgram>(
      caller, vector.address(), count, actual, [&](size_t size, StreamDispatcher::Transfer transfer, size_t* done) {
        return ShowingGrowth(caller, *stream,
                             [&] { return stream->Write((options & ZX_STREAM_APPEND) != 0, size, transfer, done); });
      });
}

zx_status_t stream_writev_at(const Caller& caller, zx_handle_t handle, uint32_t options, zx_off_t offset,
                             UserPtr<const zx_iovec_t> vector, size_t count, UserPtr<size_t> actual) {
  std::shared_ptr<StreamDispatcher> stream;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &stream); s != ZX_OK) return s;
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return WithBuffers<Direction::kFromProgram>(
      caller, vector.address(), count, actual, [&](size_t size, StreamDispatcher::Transfer transfer, size_t* done) {
        return ShowingGrowth(caller, *stream, [&] { return stream->WriteAt(offset, size, transfer, done); });
      });
}

zx_status_t stream_readv(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<zx_iovec_t> vector,
                         size_t count, UserPtr<size_t> actual) {
  std::shared_ptr<StreamDispatcher> stream;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &stream); s != ZX_OK) return s;
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return WithBuffers<Direction::kToProgram>(caller, vector.address(), count, actual,
                                            [&](size_t size, StreamDispatcher::Transfer transfer, size_t* done) {
                                              return stream->Read(size, transfer, done);
                                            });
}

zx_status_t stream_readv_at(const Caller& caller, zx_handle_t handle, uint32_t options, zx_off_t offset,
                            UserPtr<zx_iovec_t> vector, size_t count, UserPtr<size_t> actual) {
  std::shared_ptr<StreamDispatcher> stream;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &stream); s != ZX_OK) return s;
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return WithBuffers<Direction::kToProgram>(caller, vector.address(), count, actual,
                                            [&](size_t size, StreamDispatcher::Transfer transfer, size_t* done) {
                                              return stream->ReadAt(offset, size, transfer, done);
                                            });
}

zx_status_t stream_seek(const Caller& caller, zx_handle_t handle, zx_stream_seek_origin_t whence, int64_t offset,
                        UserPtr<zx_off_t> out) {
  std::shared_ptr<StreamDispatcher> stream;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &stream, &rights); s != ZX_OK) return s;
  // Either will do.
  if ((rights & (ZX_RIGHT_READ | ZX_RIGHT_WRITE)) == 0) return ZX_ERR_ACCESS_DENIED;
  const uint64_t before = stream->seek();
  uint64_t seek = 0;
  if (const zx_status_t s = stream->Seek(whence, offset, &seek); s != ZX_OK) return s;
  const zx_status_t status = out.WriteIfWanted(caller.memory, seek);
  if (status != ZX_OK) stream->set_seek(before);
  return status;
}

}  // namespace sys
}  // namespace zirconia::kernel
