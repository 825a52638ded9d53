#include "kernel_sim/loader/launch.h"

#include <zircon/processargs.h>
#include <zircon/syscalls/object.h>

#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "kernel_sim/channel.h"
#include "kernel_sim/status.h"
#include "kernel_sim/thread.h"
#include "mm/vm_address_region.h"

namespace zirconia::kernel {
namespace {

using mm::ByteSize;
using mm::VmAddressRegion;

absl::Status WithContext(const absl::Status& status, absl::string_view what) {
  return absl::Status(
      status.code(),
      absl::StrCat(what, ": ", status.message().empty() ? StatusName(ToZxStatus(status)) : status.message()));
}

absl::Status FromZx(zx_status_t status, absl::string_view what) {
  return absl::ResourceExhaustedError(absl::StrCat(what, ": ", StatusName(status)));
}

// A region of the root VMAR for a part of the program.
absl::StatusOr<std::shared_ptr<VmAddressRegion>> MakeRegion(ProcessDispatcher& process, std::string name, uint64_t size,
                                                            std::optional<uint64_t> address, mm::Protection can_map) {
  VmAddressRegion::AllocateRequest request;
  request.size = ByteSize(size);
  request.caps = {can_map, true};
  request.name = std::move(name);
  if (address.has_value()) {
    const mm::VirtRange space = process.aspace().range();
    if (*address < space.base.value()) return absl::OutOfRangeError("");
    request.placement.kind = mm::Placement::Kind::kAt;
    request.placement.offset = ByteSize(*address - space.base.value());
  }
  return process.aspace().root()->Allocate(request);
}

absl::Status MapSegment(Kernel& kernel, VmAddressRegion& region, const ElfSegment& segment, uint64_t image_base,
                        absl::Span<const std::byte> file, const std::string& name) {
  const uint64_t size = segment.page_end() - segment.page_begin();
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = kernel.CreateVmo(size, /*resizable=*/false, &vmo); s != ZX_OK)
    return FromZx(s, "a VMO for a segment");
  vmo->SetName(absl::StrCat(segment.protection.execute() ? "code:"
                            : segment.protection.write() ? "data:"
                                                         : "rodata:",
                            name));
  const ByteSize begin(segment.address - segment.page_begin());
  if (absl::Status s = vmo->vmo()->Write(begin, file.subspan(segment.file_offset, segment.file_size)); !s.ok()) {
    return WithContext(s, "memory for a segment");
  }
  VmAddressRegion::MapRequest map;
  map.placement.kind = mm::Placement::Kind::kAt;
  map.placement.offset = ByteSize(segment.page_begin() - image_base);
  map.vmo = vmo->vmo();
  map.size = ByteSize(size);
  map.protection = map.max_protection = segment.protection;
  const auto mapped = region.Map(map);
  return mapped.ok() ? absl::OkStatus() : WithContext(mapped.status(), "mapping a segment");
}

struct Stack {
  std::shared_ptr<VmoDispatcher> vmo;
  uint64_t pointer = 0;
};

// Below the stack lies a page that nothing is mapped in.
absl::StatusOr<Stack> MakeStack(Kernel& kernel, ProcessDispatcher& process, uint64_t size) {
  Stack stack;
  const auto rounded = ByteSize(size).RoundUpToPage();
  const auto fits = rounded.has_value() && *rounded < process.aspace().range().size;
  if (!fits) return absl::InvalidArgumentError("the stack that it asks for is larger than the address space");
  if (const zx_status_t s = kernel.CreateVmo(rounded->value(), /*resizable=*/false, &stack.vmo); s != ZX_OK) {
    return FromZx(s, "a VMO for the stack");
  }
  stack.vmo->SetName("stack");
  auto region =
      MakeRegion(process, "stack", rounded->value() + mm::kPageSize, std::nullopt, mm::Protection::ReadWrite());
  if (!region.ok()) return WithContext(region.status(), "room for the stack");
  VmAddressRegion::MapRequest map;
  map.placement.kind = mm::Placement::Kind::kAt;
  map.placement.offset = ByteSize(mm::kPageSize);
  map.vmo = stack.vmo->vmo();
  map.size = *rounded;
  map.protection = map.max_protection = mm::Protection::ReadWrite();
  const auto mapped = (*region)->Map(map);
  if (!mapped.ok()) return WithContext(mapped.status(), "mapping the stack");
  // As at a function's entry: 16-byte aligned before the return address was pushed.
  stack.pointer = mapped->value() + rounded->value() - 8;
  return stack;
}

// Puts the parts of a zx_proc_args_t message one behind the other.
class BootstrapMessage {
 public:
  void AddHandle(uint32_t info, Handle handle) {
    infos_.push_back(info);
    message_.handles.push_back(std::move(handle));
  }

  absl::StatusOr<ChannelMessage> Finish(const std::vector<std::string>& arguments,
                                        const std::vector<std::string>& environment) {
    zx_proc_args_t header{};
    header.protocol = ZX_PROCARGS_PROTOCOL;
    header.version = ZX_PROCARGS_VERSION;
    bytes_.resize(sizeof(header));
    header.handle_info_off = Append(infos_.data(), infos_.size() * sizeof(uint32_t));
    header.args_off = AppendStrings(arguments, &header.args_num);
    header.environ_off = AppendStrings(environment, &header.environ_num);
    header.names_off = Append(nullptr, 0);
    std::memcpy(bytes_.data(), &header, sizeof(header));
    if (bytes_.size() > ZX_CHANNEL_MAX_MSG_BYTES) {
      return absl::InvalidArgumentError(absl::StrCat("its arguments and environment take ", bytes_.size(),
                                                     " bytes; the bootstrap message holds ", ZX_CHANNEL_MAX_MSG_BYTES));
    }
    if (message_.handles.size() > ZX_CHANNEL_MAX_MSG_HANDLES) {
      return absl::InvalidArgumentError(absl::StrCat("it is given ", message_.handles.size(),
                                                     " handles; the bootstrap message holds ",
                                                     ZX_CHANNEL_MAX_MSG_HANDLES));
    }
    message_.bytes = std::move(bytes_);
    return std::move(message_);
  }

 private:
  uint32_t Append(const void* data, size_t size) {
    const size_t at = bytes_.size();
    bytes_.resize(at + size);
    if (size != 0) std::memcpy(bytes_.data() + at, data, size);
    return static_cast<uint32_t>(at);
  }
  uint32_t AppendStrings(const std::vector<std::string>& strings, uint32_t* count) {
    const auto at = static_cast<uint32_t>(bytes_.size());
    for (const std::string& s : strings) Append(s.c_str(), s.size() + 1);
    *count = static_cast<uint32_t>(strings.size());
    return at;
  }

  std::vector<uint32_t> infos_;
  std::vector<std::byte> bytes_;
  ChannelMessage message_;
};

}  // namespace

absl::StatusOr<LaunchedProgram> LaunchProgram(Kernel& kernel, absl::Span<const std::byte> file,
                                              const LaunchOptions& options) {
  absl::StatusOr<ElfImage> image = ElfImage::Parse(file);
  if (!image.ok()) return image.status();
  const uint64_t image_size = image->page_end() - image->page_begin();
  if (image->entry() == 0) return absl::InvalidArgumentError("it has no entry point: it is a shared library");

  std::optional<mm::VirtRange> needed;
  if (!image->position_independent()) needed = mm::VirtRange{mm::VirtAddr(image->page_begin()), ByteSize(image_size)};
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<VmarDispatcher> root_vmar;
  std::string why;
  if (const zx_status_t s = kernel.CreateProcess(kernel.root_job(), options.name, needed, &process, &root_vmar, &why);
      s != ZX_OK) {
    return FromZx(s, absl::StrCat("an address space for it", why.empty() ? "" : ": ", why));
  }
  absl::Cleanup undo = [&process] { process->Exit(ZX_TASK_RETCODE_SYSCALL_KILL); };

  std::optional<uint64_t> place;
  if (needed.has_value()) place = image->page_begin();
  auto region = MakeRegion(*process, options.name, image_size, place, mm::Protection::All());
  if (!region.ok()) return WithContext(region.status(), "room for its segments");
  const uint64_t bias = (*region)->range().base.value() - image->page_begin();
  for (const ElfSegment& segment : image->segments()) {
    if (absl::Status s = MapSegment(kernel, **region, segment, image->page_begin(), file, options.name); !s.ok())
      return s;
  }
  if (absl::Status s = kernel.EnsureVdso(); !s.ok()) return s;
  const auto vdso_base = kernel.vdso().MapInto(*process);
  if (!vdso_base.ok()) return WithContext(vdso_base.status(), "mapping the vDSO");
  const auto stack = MakeStack(kernel, *process, image->stack_size().value_or(options.stack_size));
  if (!stack.ok()) return stack.status();

  std::shared_ptr<ThreadDispatcher> thread;
  if (const zx_status_t s = process->CreateThread("initial-thread", &thread); s != ZX_OK)
    return FromZx(s, "its first thread");

  BootstrapMessage bootstrap;
  const auto add = [&](uint32_t info, const std::shared_ptr<Dispatcher>& object) {
    bootstrap.AddHandle(info, Handle(object, object->default_rights()));
  };
  add(PA_HND(PA_PROC_SELF, 0), process);
  add(PA_HND(PA_THREAD_SELF, 0), thread);
  add(PA_HND(PA_JOB_DEFAULT, 0), kernel.root_job());
  add(PA_HND(PA_VMAR_ROOT, 0), root_vmar);
  add(PA_HND(PA_VMO_STACK, 0), stack->vmo);
  bootstrap.AddHandle(PA_HND(PA_VMO_VDSO, 0), Handle(kernel.vdso().vmo(), VdsoVmo::kRights));
  for (size_t i = 0; i < options.vmos.size(); ++i) add(PA_HND(PA_USER0, static_cast<uint32_t>(i)), options.vmos[i]);
  for (const auto& [info, object] : options.handles) add(info, object);
  auto message = bootstrap.Finish(options.arguments, options.environment);
  if (!message.ok()) return message.status();

  auto [ours, theirs] = ChannelDispatcher::Create(kernel.koids());
  Handle theirs_handle(theirs, theirs->default_rights());
  {
    const Handle ours_handle(ours, ours->default_rights());
    if (const zx_status_t s = ours->Write(*std::move(message)); s != ZX_OK) return FromZx(s, "its bootstrap message");
  }
  platform::GuestStart start;
  start.pc = mm::VirtAddr(image->entry() + bias);
  start.sp = mm::VirtAddr(stack->pointer);
  start.arg2 = *vdso_base;
  LaunchedProgram launched{process, *std::move(image), bias};
  kernel.Log("program '%s' loaded at %#x (linked for %#x), entry %#x, stack pointer %#x, vDSO at %#x", options.name,
             launched.image.page_begin() + bias, launched.image.page_begin(), start.pc.value(), start.sp.value(),
             *vdso_base);
  if (options.before_start) options.before_start(launched);
  if (const zx_status_t s = process->Start(*thread, start, std::move(theirs_handle)); s != ZX_OK) {
    return FromZx(s, "starting its first thread");
  }
  std::move(undo).Cancel();
  return launched;
}

}  // namespace zirconia::kernel
