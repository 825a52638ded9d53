// Streams: a VMO read and written like a file.
#ifndef ZIRCONIA_KERNEL_SIM_STREAM_H_
#define ZIRCONIA_KERNEL_SIM_STREAM_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/vmo.h"

namespace zirconia::kernel {

// A seek offset over a VMO. What lies between offset 0 and the VMO's content size is the stream; a write beyond its end
// grows the content, and the VMO where that is needed and it is resizable.
//
// Reads and writes reserve their range of the stream first, under a lock, and move bytes without one: of two that run
// at the same time each has a range of its own, appends too.
class StreamDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_STREAM;
  // `options`: ZX_STREAM_MODE_*.
  StreamDispatcher(KoidAllocator& koids, uint32_t options, std::shared_ptr<VmoDispatcher> vmo, uint64_t seek)
      : Dispatcher(koids), options_(options), vmo_(std::move(vmo)), seek_(seek) {}

  zx_obj_type_t type() const override { return kType; }
  // ZX_DEFAULT_STREAM_RIGHTS, and reading and writing as the mode says.
  zx_rights_t default_rights() const override {
    return ZX_DEFAULT_STREAM_RIGHTS | ((options_ & ZX_STREAM_MODE_READ) != 0 ? ZX_RIGHT_READ : 0) |
           ((options_ & ZX_STREAM_MODE_WRITE) != 0 ? ZX_RIGHT_WRITE : 0);
  }
  zx_koid_t related_koid() const override { return vmo_->koid(); }

  // Moves `size` bytes between the VMO, from `offset` on, and wherever the caller wants them; `done` is how many it
  // were. An error counts only where none were.
  using Transfer = absl::FunctionRef<zx_status_t(mm::VmObject& vmo, uint64_t offset, size_t size, size_t* done)>;

  // zx_stream_readv and zx_stream_writev. BAD_STATE: the VMO can't be read or written. Write: FILE_BIG: beyond what a
  // VMO can be; NO_SPACE: the VMO can't grow to where the first byte goes.
  zx_status_t Read(size_t size, Transfer transfer, size_t* done) ABSL_LOCKS_EXCLUDED(mutex_);
  zx_status_t Write(bool append, size_t size, Transfer transfer, size_t* done) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_stream_readv_at and zx_stream_writev_at; the seek offset stays.
  zx_status_t ReadAt(uint64_t offset, size_t size, Transfer transfer, size_t* done);
  zx_status_t WriteAt(uint64_t offset, size_t size, Transfer transfer, size_t* done);

  // zx_stream_seek. INVALID_ARGS: no such origin, or the result is negative or beyond 2^64 - 1.
  zx_status_t Seek(zx_stream_seek_origin_t whence, int64_t offset, uint64_t* result) ABSL_LOCKS_EXCLUDED(mutex_);

  uint32_t options() const { return options_; }
  const mm::VmObject& vmo() const { return *vmo_->vmo(); }
  uint64_t seek() const ABSL_LOCKS_EXCLUDED(mutex_);
  void set_seek(uint64_t seek) ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t content_size() const { return vmo_->content_size(); }

 private:
  // A range of the stream that a write has to itself; `old_content`: where the stream ended before.
  struct Reserved {
    uint64_t offset = 0;
    size_t size = 0;
    uint64_t old_content = 0;
  };
  // How much of [offset, offset + size) there is to read.
  size_t Readable(uint64_t offset, size_t size) const;
  // Grows the content to hold [offset, offset + size), or as much of it as it can, at least a byte. `append`: `offset`
  // is where the content ends. SHOULD_WAIT: for `wait`, then it is called again.
  zx_status_t Reserve(bool append, uint64_t offset, size_t size, Reserved* reserved, mm::PageWait* wait);
  zx_status_t Fill(const Reserved& reserved, Transfer transfer, size_t* done);

  const uint32_t options_;
  const std::shared_ptr<VmoDispatcher> vmo_;
  mutable absl::Mutex mutex_;
  uint64_t seek_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_STREAM_H_
