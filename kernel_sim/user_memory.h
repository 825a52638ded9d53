// The one way by which the kernel reads and writes memory of a program.
#ifndef ZIRCONIA_KERNEL_SIM_USER_MEMORY_H_
#define ZIRCONIA_KERNEL_SIM_USER_MEMORY_H_

#include <zircon/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mm/address_space.h"
#include "mm/units.h"

namespace zirconia::kernel {

// Memory of one program, by its addresses. The kernel never dereferences such an address. A bad address (not mapped,
// not permitted, beyond its VMO, wrapping around) is INVALID_ARGS, memory that the machine hasn't got is NO_MEMORY;
// what a pager has to bring is waited for, and what it says instead is the error (BAD_STATE: it is gone), or CANCELED
// where the thread was killed. In all cases a part may have been copied. No lock may be held by the caller.
// Thread-safe.
class UserMemory {
 public:
  virtual ~UserMemory() = default;
  virtual zx_status_t CopyIn(void* to, uint64_t from, size_t size) = 0;
  // Doesn't wait: SHOULD_WAIT where it had to. For a few bytes, under a lock that a fault doesn't need.
  virtual zx_status_t CopyInNow(void* to, uint64_t from, size_t size) { return CopyIn(to, from, size); }
  virtual zx_status_t CopyOut(uint64_t to, const void* from, size_t size) = 0;
  virtual zx_status_t FillZero(uint64_t to, size_t size) = 0;
  // Stores an aligned word, at once, and releases with it what this thread did before; the memory isn't touched again.
  virtual zx_status_t StoreRelease(uint64_t to, uint32_t word) = 0;
  // Copies between a VMO and this memory as mm::AddressSpace::Transfer does; 0 where that isn't for this memory.
  virtual size_t Transfer(mm::VmObject& vmo, uint64_t offset, uint64_t address, size_t size, bool to_vmo);
};

// For who holds pins, with which nobody may wait. While one lives, a copy on this thread that needs pages which a pager
// must bring first fails with SHOULD_WAIT, and leaves the request here. They don't nest.
class PostponedWait {
 public:
  PostponedWait();
  ~PostponedWait();
  PostponedWait(const PostponedWait&) = delete;
  PostponedWait& operator=(const PostponedWait&) = delete;

  // The request that was left, or null.
  mm::PageWait Take() { return std::exchange(wait_, {}); }

 private:
  friend zx_status_t WaitForUserPages(mm::PageWait& wait);
  mm::PageWait wait_;
};

// Memory of a guest: translated through its VMAR tree, and reached through the kernel's linear mapping. For what is
// long, frames are pinned and every lock is dropped before bytes are copied.
class GuestMemory : public UserMemory {
 public:
  explicit GuestMemory(std::shared_ptr<mm::AddressSpace> aspace) : aspace_(std::move(aspace)) {}
  zx_status_t CopyIn(void* to, uint64_t from, size_t size) override;
  zx_status_t CopyInNow(void* to, uint64_t from, size_t size) override;
  zx_status_t CopyOut(uint64_t to, const void* from, size_t size) override;
  zx_status_t FillZero(uint64_t to, size_t size) override;
  zx_status_t StoreRelease(uint64_t to, uint32_t word) override;
  size_t Transfer(mm::VmObject& vmo, uint64_t offset, uint64_t address, size_t size, bool to_vmo) override;

  // As CopyIn and CopyOut, but whatever the mappings permit (a debugger's view): how many bytes could be copied before
  // the first that isn't there, or, for Poke, that belongs to the vDSO. `why`, if wanted: ACCESS_DENIED: the vDSO's;
  // NO_MEMORY: not there; or why a pager didn't bring it.
  size_t Peek(void* to, uint64_t from, size_t size, zx_status_t* why = nullptr);
  size_t Poke(uint64_t to, const void* from, size_t size, zx_status_t* why = nullptr);

 private:
  const std::shared_ptr<mm::AddressSpace> aspace_;
};

// A pointer argument of a system call: `T` is what the C prototype points to. Const: the kernel reads; otherwise it
// writes (or both).
template <typename T>
class UserPtr {
 public:
  UserPtr() = default;
  explicit UserPtr(uint64_t address) : address_(address) {}
  uint64_t address() const { return address_; }
  explicit operator bool() const { return address_ != 0; }

  zx_status_t Read(UserMemory& memory, std::remove_const_t<T>* to) const {
    return memory.CopyIn(to, address_, sizeof(T));
  }
  zx_status_t Write(UserMemory& memory, const T& from) const { return memory.CopyOut(address_, &from, sizeof(T)); }
  // As Write, but null is fine: nobody asked.
  zx_status_t WriteIfWanted(UserMemory& memory, const T& from) const {
    return address_ == 0 ? ZX_OK : Write(memory, from);
  }
  zx_status_t ReadArray(UserMemory& memory, std::remove_const_t<T>* to, size_t count) const {
    return count == 0 ? ZX_OK : memory.CopyIn(to, address_, count * sizeof(T));
  }
  zx_status_t WriteArray(UserMemory& memory, const T* from, size_t count) const {
    return count == 0 ? ZX_OK : memory.CopyOut(address_, from, count * sizeof(T));
  }

 private:
  uint64_t address_ = 0;
};

// void*: bytes whose meaning and number other arguments say.
template <typename T>
class UserBytes {
 public:
  UserBytes() = default;
  explicit UserBytes(uint64_t address) : address_(address) {}
  uint64_t address() const { return address_; }
  explicit operator bool() const { return address_ != 0; }
  template <typename U>
  UserPtr<U> as() const {
    return UserPtr<U>(address_);
  }

 private:
  uint64_t address_ = 0;
};
template <>
class UserPtr<void> : public UserBytes<void> {
  using UserBytes<void>::UserBytes;
};
template <>
class UserPtr<const void> : public UserBytes<const void> {
  using UserBytes<const void>::UserBytes;
};

// A string argument of at most `limit` bytes (longer ones are cut, as Zircon cuts names), without what follows a NUL.
zx_status_t ReadUserString(UserMemory& memory, UserPtr<const char> from, size_t size, size_t limit, std::string* to);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_USER_MEMORY_H_
