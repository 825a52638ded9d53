// Handles with an owner, in the manner of Zircon's zx library.
#ifndef LIB_ZX_OBJECT_H_
#define LIB_ZX_OBJECT_H_

#include <lib/zx/time.h>
#include <zircon/syscalls.h>
#include <zircon/types.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace zx {

class port;

// A handle that is closed when its owner goes: what all of zx's classes have. `T` is the class itself. Movable, not
// copyable: `duplicate` makes a second handle. Methods have the name and the errors of the call that they make; those
// of an empty object are what the kernel says of ZX_HANDLE_INVALID.
template <typename T>
class object {
 public:
  constexpr object() = default;
  // Takes ownership.
  explicit object(zx_handle_t value) : value_(value) {}
  // Of a handle to some more special object (zx::vmo to zx::handle).
  template <typename U>
  explicit object(object<U>&& other) : value_(other.release()) {}
  object(object&& other) noexcept : value_(other.release()) {}
  object& operator=(object&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~object() { reset(); }

  bool is_valid() const { return value_ != ZX_HANDLE_INVALID; }
  explicit operator bool() const { return is_valid(); }
  zx_handle_t get() const { return value_; }

  // zx_handle_close, and takes ownership of another.
  void reset(zx_handle_t value = ZX_HANDLE_INVALID) {
    const zx_handle_t old = std::exchange(value_, value);
    if (old != ZX_HANDLE_INVALID && old != value) zx_handle_close(old);
  }
  // For calls that give a handle: empties it first.
  zx_handle_t* reset_and_get_address() {
    reset();
    return &value_;
  }
  // Gives ownership up.
  [[nodiscard]] zx_handle_t release() { return std::exchange(value_, ZX_HANDLE_INVALID); }
  void swap(object& other) { std::swap(value_, other.value_); }

  // zx_handle_duplicate. `result` keeps what it had if the call fails.
  zx_status_t duplicate(zx_rights_t rights, T* result) const {
    return give(result, [&](zx_handle_t* out) { return zx_handle_duplicate(value_, rights, out); });
  }
  // zx_handle_replace: this is empty afterwards in any case.
  zx_status_t replace(zx_rights_t rights, T* result) {
    const zx_handle_t old = release();
    return give(result, [&](zx_handle_t* out) { return zx_handle_replace(old, rights, out); });
  }

  // zx_object_wait_one
  zx_status_t wait_one(zx_signals_t signals, time deadline, zx_signals_t* pending) const {
    return zx_object_wait_one(value_, signals, deadline.get(), pending);
  }
  // zx_object_wait_async
  zx_status_t wait_async(const object<port>& to, uint64_t key, zx_signals_t signals, uint32_t options) const {
    return zx_object_wait_async(value_, to.get(), key, signals, options);
  }
  // zx_object_signal
  zx_status_t signal(uint32_t clear_mask, uint32_t set_mask) const {
    return zx_object_signal(value_, clear_mask, set_mask);
  }
  // zx_object_get_info
  zx_status_t get_info(uint32_t topic, void* buffer, size_t buffer_size, size_t* actual, size_t* avail) const {
    return zx_object_get_info(value_, topic, buffer, buffer_size, actual, avail);
  }
  // zx_object_get_child
  template <typename U>
  zx_status_t get_child(uint64_t koid, zx_rights_t rights, object<U>* result) const {
    return give(result, [&](zx_handle_t* out) { return zx_object_get_child(value_, koid, rights, out); });
  }
  // zx_object_get_property, zx_object_set_property
  zx_status_t get_property(uint32_t property, void* value, size_t size) const {
    return zx_object_get_property(value_, property, value, size);
  }
  zx_status_t set_property(uint32_t property, const void* value, size_t size) const {
    return zx_object_set_property(value_, property, value, size);
  }

 protected:
  // Makes a call that gives a handle, and hands that to `result` only if it succeeds: so `result` may be what the call
  // works on.
  template <typename U, typename Call>
  static zx_status_t give(U* result, Call call) {
    zx_handle_t made = ZX_HANDLE_INVALID;
    const zx_status_t status = call(&made);
    if (status == ZX_OK) result->reset(made);
    return status;
  }
  template <typename U, typename V, typename Call>
  static zx_status_t give(U* first, V* second, Call call) {
    zx_handle_t made[2] = {ZX_HANDLE_INVALID, ZX_HANDLE_INVALID};
    const zx_status_t status = call(&made[0], &made[1]);
    if (status == ZX_OK) {
      first->reset(made[0]);
      second->reset(made[1]);
    }
    return status;
  }

 private:
  zx_handle_t value_ = ZX_HANDLE_INVALID;
};

template <typename T, typename U>
bool operator==(const object<T>& a, const object<U>& b) {
  return a.get() == b.get();
}
template <typename T>
bool operator==(const object<T>& a, zx_handle_t b) {
  return a.get() == b;
}

// The use of a handle that somebody else owns: zx::unowned<zx::vmo> u(vmo); u->get_size(&size).
template <typename T>
class unowned {
 public:
  constexpr unowned() = default;
  explicit unowned(zx_handle_t value) : value_(value) {}
  explicit unowned(const T& owner) : unowned(owner.get()) {}
  unowned(const unowned& other) : unowned(other.value_.get()) {}
  unowned& operator=(const unowned& other) {
    if (this != &other) {
      (void)value_.release();
      value_.reset(other.value_.get());
    }
    return *this;
  }
  ~unowned() { (void)value_.release(); }

  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  bool is_valid() const { return value_.is_valid(); }
  explicit operator bool() const { return is_valid(); }

 private:
  T value_;
};

}  // namespace zx

#endif  // LIB_ZX_OBJECT_H_
