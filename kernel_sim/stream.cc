#include "kernel_sim/stream.h"

#include <algorithm>

#include "kernel_sim/pager_source.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {

size_t StreamDispatcher::Readable(uint64_t offset, size_t size) const {
  // A VMO that was made smaller since ends there.
  const uint64_t end = std::min(vmo_->content_size(), vmo_->vmo()->size().value());
  return offset >= end ? 0 : std::min<uint64_t>(size, end - offset);
}

zx_status_t StreamDispatcher::ReadAt(uint64_t offset, size_t size, Transfer transfer, size_t* done) {
  *done = 0;
  if (vmo_->MayCopy() != ZX_OK) return ZX_ERR_BAD_STATE;
  const size_t readable = Readable(offset, size);
  if (readable == 0) return ZX_OK;
  const zx_status_t status = transfer(*vmo_->vmo(), offset, readable, done);
  return *done != 0 ? ZX_OK : status;
}

zx_status_t StreamDispatcher::Read(size_t size, Transfer transfer, size_t* done) {
  uint64_t offset = 0;
  {
    absl::MutexLock lock(&mutex_);
    offset = seek_;
    size = Readable(offset, size);
    seek_ += size;
  }
  const zx_status_t status = ReadAt(offset, size, transfer, done);
  absl::MutexLock lock(&mutex_);
  if (seek_ == offset + size) seek_ = offset + *done;
  return status;
}

zx_status_t StreamDispatcher::Reserve(bool append, uint64_t offset, size_t size, Reserved* reserved,
                                      mm::PageWait* wait) {
  mm::VmObject& vmo = *vmo_->vmo();
  if (vmo_->MayCopy() != ZX_OK) return ZX_ERR_BAD_STATE;
  absl::MutexLock lock(&vmo_->content_lock());
  const uint64_t content = std::min(vmo_->content_size(), vmo.size().value());
  if (append) offset = content;
  uint64_t end = offset + size;
  if (end < offset || offset >= mm::VmObject::kMaxSize.value()) return ZX_ERR_FILE_BIG;
  end = std::min(end, mm::VmObject::kMaxSize.value());
  if (offset >= vmo.size().value() && !vmo.resizable()) return ZX_ERR_NO_SPACE;
  // What was beyond the end of the content isn't part of it when it comes to be.
  if (const uint64_t until = std::min(offset, vmo.size().value()); until > content) {
    if (const absl::Status s = vmo.Zero(mm::ByteSize(content), mm::ByteSize(until - content), wait); !s.ok()) {
      if (absl::IsAborted(s)) return ZX_ERR_SHOULD_WAIT;
      return absl::IsResourceExhausted(s) ? ZX_ERR_NO_SPACE : ToZxStatus(s);
    }
  }
  if (end > vmo.size().value() && !vmo.Resize(mm::ByteSize(end)).ok()) {
    end = vmo.size().value();
    if (end <= offset) return ZX_ERR_NO_SPACE;
  }
  if (end > content) {
    if (const zx_status_t s = vmo_->set_content_size(end); s != ZX_OK) return ZX_ERR_NO_SPACE;
  }
  *reserved = {offset, end - offset, content};
  return ZX_OK;
}

zx_status_t StreamDispatcher::Fill(const Reserved& reserved, Transfer transfer, size_t* done) {
  const zx_status_t status = transfer(*vmo_->vmo(), reserved.offset, reserved.size, done);
  if (*done != reserved.size) {
    // What wasn't written isn't content, unless somebody has written behind it since.
    absl::MutexLock lock(&vmo_->content_lock());
    const uint64_t end = reserved.offset + reserved.size;
    const uint64_t kept = *done == 0 ? reserved.old_content : reserved.offset + *done;
    if (end > reserved.old_content && vmo_->content_size() == end) {
      vmo_->set_content_size(std::max(kept, reserved.old_content));
    }
  }
  if (*done != 0) return ZX_OK;
  return status == ZX_ERR_NO_MEMORY ? ZX_ERR_NO_SPACE : status;
}

zx_status_t StreamDispatcher::WriteAt(uint64_t offset, size_t size, Transfer transfer, size_t* done) {
  *done = 0;
  if (size == 0) return ZX_OK;
  Reserved reserved;
  mm::PageWait wait;
  zx_status_t status = ZX_OK;
  while ((status = Reserve(/*append=*/false, offset, size, &reserved, &wait)) == ZX_ERR_SHOULD_WAIT) {
    if (const zx_status_t s = WaitForPages(*wait.request); s != ZX_OK) return s;
  }
  if (status != ZX_OK) return status;
  return Fill(reserved, transfer, done);
}

zx_status_t StreamDispatcher::Write(bool append, size_t size, Transfer transfer, size_t* done) {
  *done = 0;
  append |= (options_ & ZX_STREAM_MODE_APPEND) != 0;
  Reserved reserved;
  uint64_t end = 0;
  while (true) {
    mm::PageWait wait;
    {
      absl::MutexLock lock(&mutex_);
      if (size == 0) {
        if (append) seek_ = vmo_->content_size();
        return ZX_OK;
      }
      const zx_status_t s = Reserve(append, seek_, size, &reserved, &wait);
      if (s == ZX_OK) {
        end = reserved.offset + reserved.size;
        seek_ = end;
        break;
      }
      if (s != ZX_ERR_SHOULD_WAIT) return s;
    }
    if (const zx_status_t s = WaitForPages(*wait.request); s != ZX_OK) return s;
  }
  const zx_status_t status = Fill(reserved, transfer, done);
  absl::MutexLock lock(&mutex_);
  if (seek_ == end) seek_ = reserved.offset + *done;
  return status;
}

zx_status_t StreamDispatcher::Seek(zx_stream_seek_origin_t whence, int64_t offset, uint64_t* result) {
  absl::MutexLock lock(&mutex_);
  uint64_t base = 0;
  switch (whence) {
    case ZX_STREAM_SEEK_ORIGIN_START:
      break;
    case ZX_STREAM_SEEK_ORIGIN_CURRENT:
      base = seek_;
      break;
    case ZX_STREAM_SEEK_ORIGIN_END:
      base = vmo_->content_size();
      break;
    default:
      return ZX_ERR_INVALID_ARGS;
  }
  const uint64_t sum = base + static_cast<uint64_t>(offset);
  if (offset < 0 ? sum > base : sum < base) return ZX_ERR_INVALID_ARGS;
  *result = seek_ = sum;
  return ZX_OK;
}

uint64_t StreamDispatcher::seek() const {
  absl::MutexLock lock(&mutex_);
  return seek_;
}

void StreamDispatcher::set_seek(uint64_t seek) {
  absl::MutexLock lock(&mutex_);
  seek_ = seek;
}

}  // namespace zirconia::kernel
