// Streams: VMOs read and written in order.
#ifndef LIB_ZX_STREAM_H_
#define LIB_ZX_STREAM_H_

#include <lib/zx/object.h>
#include <lib/zx/vmo.h>

namespace zx {

class stream : public object<stream> {
 public:
  using object<stream>::object;

  // zx_stream_create
  static zx_status_t create(uint32_t options, const vmo& memory, zx_off_t seek, stream* result) {
    return give(result, [&](zx_handle_t* out) { return zx_stream_create(options, memory.get(), seek, out); });
  }
  // zx_stream_writev, zx_stream_writev_at
  zx_status_t writev(uint32_t options, const zx_iovec_t* vector, size_t num_vector, size_t* actual) const {
    return zx_stream_writev(get(), options, vector, num_vector, actual);
  }
  zx_status_t writev_at(uint32_t options, zx_off_t offset, const zx_iovec_t* vector, size_t num_vector,
                        size_t* actual) const {
    return zx_stream_writev_at(get(), options, offset, vector, num_vector, actual);
  }
  // zx_stream_readv, zx_stream_readv_at
  zx_status_t readv(uint32_t options, zx_iovec_t* vector, size_t num_vector, size_t* actual) const {
    return zx_stream_readv(get(), options, vector, num_vector, actual);
  }
  zx_status_t readv_at(uint32_t options, zx_off_t offset, zx_iovec_t* vector, size_t num_vector, size_t* actual) const {
    return zx_stream_readv_at(get(), options, offset, vector, num_vector, actual);
  }
  // zx_stream_seek
  zx_status_t seek(zx_stream_seek_origin_t whence, int64_t offset, zx_off_t* result) const {
    return zx_stream_seek(get(), whence, offset, result);
  }
};
using unowned_stream = unowned<stream>;

}  // namespace zx

#endif  // LIB_ZX_STREAM_H_
