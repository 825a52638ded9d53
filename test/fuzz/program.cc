#include "test/fuzz/program.h"

#include <zircon/process.h>
#include <zircon/status.h>
#include <zircon/syscalls/iommu.h>
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string_view>
#include <utility>

#include "kernel_sim/library/library_thread.h"
#include "mm/check.h"
#include "test/fuzz/state.h"

namespace zirconia::fuzz {
namespace {

constexpr std::byte kGuard{0xa5};

// An input's byte below this is the number of an operation; above, it asks for one of those that matter most.
constexpr uint8_t kNumbers = 96;

const std::vector<Operation>& Operations() {
  static const std::vector<Operation> operations = [] {
    std::vector<Operation> all;
    for (const auto& some : {VmoOperations(), VmarOperations(), ObjectOperations(), MemoryOperations(),
                             DeviceOperations(), PagerOperations()}) {
      all.insert(all.end(), some.begin(), some.end());
    }
    ZIRCONIA_CHECK(all.size() <= kNumbers, "more operations than there are numbers");
    return all;
  }();
  return operations;
}

using Run = void (*)(Program&);
const std::vector<Run>& Favourites() {
  static const std::vector<Run> favourites = [] {
    std::vector<Run> all;
    for (const auto& [name, times] :
         std::initializer_list<std::pair<std::string_view, size_t>>{{"vmo_write", 3},
                                                                    {"vmo_create_child", 4},
                                                                    {"vmo_set_size", 2},
                                                                    {"vmo_op_range", 3},
                                                                    {"vmar_map", 5},
                                                                    {"vmar_unmap", 2},
                                                                    {"vmar_protect", 1},
                                                                    {"vmar_allocate", 1},
                                                                    {"store", 4},
                                                                    {"load", 2},
                                                                    {"handle_close", 2},
                                                                    {"vmar_op_range", 1},
                                                                    {"pager_supply_pages", 1},
                                                                    {"serve a page request", 1}}) {
      for (const Operation& operation : Operations()) {
        if (operation.name == name) all.insert(all.end(), times, operation.run);
      }
    }
    ZIRCONIA_CHECK(all.size() == 32, "a favourite isn't an operation");
    return all;
  }();
  return favourites;
}

}  // namespace

Program::Program(testing::Kernel& kernel, Input& input, Options options)
    : kernel_(kernel), input_(input), options_(options) {
  if (zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &root_, sizeof(root_), nullptr, nullptr) != ZX_OK)
    Wrong("the root VMAR can't be asked");
}

void Program::Run() {
  while (!input_.empty() && wrong_.empty() && calls_ < kMostCalls) Step();
}

void Program::Step() {
  const std::vector<Operation>& operations = Operations();
  const uint8_t choice = input_.Byte();
  if (choice >= kNumbers) return Favourites()[choice % Favourites().size()](*this);
  if (choice < operations.size()) operations[choice].run(*this);
}

void Program::WhileWaiting() {
  if (depth_ + 1 == kDepths || input_.empty() || !wrong_.empty()) return;
  const testing::Kernel::Away away(kernel_);
  const testing::Kernel::Use another(kernel_);
  Touched();  // there is a handle to that thread, as long as it lives
  ++depth_;
  if (options_.trace) std::fprintf(stderr, "\n-- another thread, while this one waits\n");
  ++calls_;
  for (size_t i = 1 + input_.Below(4); i > 0 && !input_.empty() && wrong_.empty(); --i) Step();
  if (options_.trace) std::fprintf(stderr, "-- and back:");
  --depth_;
  Touched();
}

// ---- Handles

size_t Program::HandleCount() const { return kernel::Attachment::Current().process().handles().size(); }

zx_handle_t Program::PickAny() {
  const uint8_t choice = input_.Byte();
  if (choice == 0xff) return stale_;
  if (choice == 0xfe) return ZX_HANDLE_INVALID;
  if (choice == 0xfd) return 0xfffffffc;
  return slots_.empty() ? ZX_HANDLE_INVALID : slots_[choice % slots_.size()].handle;
}

zx_handle_t Program::Pick(zx_obj_type_t type) {
  const uint8_t choice = input_.Byte();
  if (choice >= 0xf8) return PickAny();
  const auto count = static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.type == type; }));
  if (count == 0) return Make(type);
  size_t skip = choice % count;
  for (const Slot& slot : slots_) {
    if (slot.type == type && skip-- == 0) return slot.handle;
  }
  return ZX_HANDLE_INVALID;
}

void Program::Keep(zx_handle_t handle) {
  zx_info_handle_basic_t info{};
  if (zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), nullptr, nullptr) != ZX_OK) {
    // It was told to simulated memory, which somebody has changed since.
    return;
  }
  if (slots_.size() < kMostHandles) {
    slots_.push_back({handle, info.type});
  } else {
    (void)zx_handle_close(handle);
    stale_ = handle;
    Touched();
  }
}

void Program::Forget(zx_handle_t handle) {
  std::erase_if(slots_, [&](const Slot& slot) { return slot.handle == handle; });
  stale_ = handle;
}

zx_handle_t Program::Make(zx_obj_type_t type) {
  zx_handle_t made = ZX_HANDLE_INVALID;
  zx_status_t status = ZX_ERR_NOT_SUPPORTED;
  Program& p = *this;
  switch (type) {
    case ZX_OBJ_TYPE_VMO:
      status = ZX_CALL(kMakesOne, vmo_create, 8 * kPage, ZX_VMO_RESIZABLE, &made);
      break;
    case ZX_OBJ_TYPE_VMAR: {
      constexpr zx_vm_option_t kAll =
          ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_EXECUTE | ZX_VM_CAN_MAP_SPECIFIC;
      zx_vaddr_t address = 0;
      status = ZX_CALL(kMakesOne, vmar_allocate, zx_vmar_root_self(), kAll, 0, 256 * kPage, &made, &address);
      if (status == ZX_OK) AddAddress(address);
      break;
    }
    case ZX_OBJ_TYPE_RESOURCE:
      made = kernel_.root_resource();
      Touched();
      status = ZX_OK;
      break;
    case ZX_OBJ_TYPE_IOMMU: {
      const zx_iommu_desc_dummy_t desc{};
      const zx_handle_t resource = Pick(ZX_OBJ_TYPE_RESOURCE);
      status = ZX_CALL(kMakesOne, iommu_create, resource, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &made);
      break;
    }
    case ZX_OBJ_TYPE_BTI: {
      const zx_handle_t iommu = Pick(ZX_OBJ_TYPE_IOMMU);
      status = ZX_CALL(kMakesOne, bti_create, iommu, 0, 1, &made);
      break;
    }
    case ZX_OBJ_TYPE_PMT: {
      const zx_handle_t bti = Pick(ZX_OBJ_TYPE_BTI);
      const zx_handle_t vmo = Pick(ZX_OBJ_TYPE_VMO);
      zx_paddr_t address = 0;
      constexpr Effect kMayCommit{1, false};
      status = ZX_CALL(kMayCommit, bti_pin, bti, ZX_BTI_PERM_READ, vmo, 0, kPage, &address, 1, &made);
      break;
    }
    case ZX_OBJ_TYPE_PAGER:
      status = ZX_CALL(kMakesOne, pager_create, 0, &made);
      break;
    case ZX_OBJ_TYPE_PORT:
      status = ZX_CALL(kMakesOne, port_create, 0, &made);
      break;
    case ZX_OBJ_TYPE_EVENT:
      status = ZX_CALL(kMakesOne, event_create, 0, &made);
      break;
    case ZX_OBJ_TYPE_STREAM: {
      const zx_handle_t vmo = Pick(ZX_OBJ_TYPE_VMO);
      status = ZX_CALL(kMakesOne, stream_create, ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &made);
      break;
    }
    case ZX_OBJ_TYPE_PROCESS: {
      zx_handle_t vmar = ZX_HANDLE_INVALID;
      status = ZX_CALL(kMakesTwo, process_create, zx_job_default(), "other", 5, 0, &made, &vmar);
      if (status == ZX_OK) Keep(vmar);
      break;
    }
    default:
      break;
  }
  if (status != ZX_OK) return ZX_HANDLE_INVALID;
  Keep(made);
  return made;
}

// ---- Numbers

uint64_t Program::Offset() {
  const uint8_t choice = input_.Byte();
  if (choice < 0xa0) return (choice % 4) * kPage;
  if (choice < 0xc0) return (choice % 32) * kPage;
  if (choice < 0xe0) return (choice % 8) * kPage + input_.Word(2);
  if (choice < 0xf0) return (uint64_t{1} << (choice % 16 + 48)) - input_.Byte() * uint64_t{64};
  if (choice < 0xf8) return uint64_t{0} - input_.Word(2);
  return input_.Word(8);
}

uint64_t Program::Size() {
  const uint8_t choice = input_.Byte();
  if (choice < 0x80) return (choice % 4 + 1) * kPage;
  if (choice < 0xa8) return (choice % 16 + 1) * kPage;
  if (choice < 0xc0) return (choice % 64) * kPage;
  if (choice < 0xe0) return (choice % 8) * kPage + input_.Word(2);
  if (choice < 0xf0) return (uint64_t{1} << (choice % 16 + 34)) - input_.Byte() * uint64_t{64};
  if (choice < 0xf8) return uint64_t{0} - input_.Word(2);
  return input_.Word(8);
}

size_t Program::ShortSize() {
  const uint8_t choice = input_.Byte();
  if (choice < 0x80) return choice;
  if (choice < 0xe0) return (choice % 8 + 1) * kPage - (choice / 8 % 4);
  if (choice < 0xfc) return input_.Word(2);
  return Size();
}

void Program::AddAddress(zx_vaddr_t address) {
  if (addresses_.size() == kMostAddresses) addresses_.erase(addresses_.begin());
  addresses_.push_back(address);
}

uint64_t Program::Address() {
  const uint8_t choice = input_.Byte();
  if (choice < 0xe8 && !addresses_.empty()) {
    const zx_vaddr_t base = addresses_[choice % addresses_.size()];
    const uint8_t delta = input_.Byte();
    if (delta < 0x80) return base + (delta % 4) * kPage;
    if (delta < 0xc0) return base + (delta % 32) * kPage;
    if (delta < 0xe0) return base + (delta % 8) * kPage + input_.Word(2) % kPage;
    return base - (delta % 32) * kPage;
  }
  if (choice < 0xf0) return root_.base + input_.Word(2) * kPage;
  if (choice < 0xf4) return root_.base + root_.len - input_.Byte() * kPage;
  if (choice < 0xf8) return uint64_t{0} - input_.Word(2);
  return input_.Word(6);
}

uint32_t Program::Bits(uint32_t likely) {
  const auto word = static_cast<uint32_t>(input_.Word(2));
  if ((word >> 8) == 0xff) return static_cast<uint32_t>(input_.Word(4));
  // The n-th bit of `word` says whether the n-th bit of `likely` is there.
  uint32_t bits = 0;
  size_t n = 0;
  for (uint32_t bit = 1; bit != 0; bit <<= 1) {
    if ((likely & bit) == 0) continue;
    if ((word >> (n++ % 16) & 1) != 0) bits |= bit;
  }
  return bits;
}

zx_rights_t Program::Rights() {
  const uint8_t choice = input_.Byte();
  if (choice < 0x60) return ZX_RIGHT_SAME_RIGHTS;
  if (choice < 0xf0) {
    constexpr zx_rights_t kBasic = ZX_RIGHT_DUPLICATE | ZX_RIGHT_TRANSFER | ZX_RIGHT_INSPECT | ZX_RIGHT_WAIT;
    return kBasic | Bits(ZX_RIGHT_READ | ZX_RIGHT_WRITE | ZX_RIGHT_MAP | ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY |
                         ZX_RIGHT_SIGNAL);
  }
  return static_cast<zx_rights_t>(input_.Word(4));
}

// ---- Pointers

void* Program::OddPointer(uint8_t choice, size_t size) {
  if (choice >= 0xfe) return nullptr;
  if (choice == 0xfd) return reinterpret_cast<void*>(uint64_t{8});
  // All of it lies in simulated addresses: what lies elsewhere may be the fuzzer's.
  const uint64_t address = Address();
  const bool inside = address >= root_.base && size <= root_.len && address - root_.base <= root_.len - size;
  simulated_ = true;
  return reinterpret_cast<void*>(inside ? address : 8);
}

Program::Scratch& Program::scratch() {
  std::unique_ptr<Scratch>& here = scratch_[depth_];
  if (here == nullptr) {
    here = std::make_unique<Scratch>();
    here->guard.fill(kGuard);
  }
  return *here;
}

void* Program::OwnBuffer(size_t size) { return scratch().bytes.data() + (kOwnBytes - std::min(size, kOwnBytes)); }

void* Program::Buffer(size_t size) {
  const uint8_t choice = input_.Byte();
  if (choice < 0xb0 && size <= kOwnBytes) return OwnBuffer(size);
  return OddPointer(choice, size);
}

// ---- Checks

void Program::TraceCall(const char* name, std::initializer_list<uint64_t> arguments) const {
  if (!options_.trace) return;
  std::fprintf(stderr, "%s(", name);
  const char* separator = "";
  for (const uint64_t argument : arguments) {
    std::fprintf(stderr, "%s0x%" PRIx64, separator, argument);
    separator = ", ";
  }
  std::fprintf(stderr, ")");
}

void Program::TraceResult(zx_status_t status) const {
  if (options_.trace) std::fprintf(stderr, " = %s\n", zx_status_get_string(status));
}

Program::Before Program::Begin(Effect effect) {
  const bool check_state = options_.check_state && effect.error_changes_nothing && !simulated_;
  simulated_ = false;
  if (check_state && !state_.has_value()) state_ = StateOf(kernel_.object(), options_.check_content);
  return {++calls_, HandleCount(), check_state};
}

void Program::End(const char* name, const Before& before, Effect effect, zx_status_t status) {
  const auto wrong = [&](const std::string& what) {
    Wrong(std::string(name) + " = " + zx_status_get_string(status) + ": " + what);
  };
  if (status > 0 || zx_status_get_string(status)[0] == '(') wrong("no such status");
  if (status == ZX_ERR_INTERNAL) wrong("that is an error of the kernel");
  const auto& guard = scratch().guard;
  if (std::any_of(guard.begin(), guard.end(), [](std::byte b) { return b != kGuard; }))
    wrong("it wrote beyond a buffer");
  // Another thread did something meanwhile: nothing can be compared.
  const bool alone = before.calls == calls_;
  if (alone && effect.counted) {
    const auto expected = static_cast<int64_t>(before.handles) + (status == ZX_OK ? effect.handles : 0);
    if (const auto now = static_cast<int64_t>(HandleCount()); now != expected)
      wrong("there are " + std::to_string(now) + " handles, not " + std::to_string(expected));
  }
  if (status != ZX_OK && alone && before.check_state) {
    if (StateOf(kernel_.object(), options_.check_content) != *state_) wrong("it failed, and changed something");
  } else {
    state_.reset();
  }
  if (options_.verify_always && wrong_.empty()) {
    if (const std::string found = VerifyAll(kernel_.object()); !found.empty()) wrong("then: " + found);
  }
}

}  // namespace zirconia::fuzz
