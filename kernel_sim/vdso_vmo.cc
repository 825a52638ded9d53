#include "kernel_sim/vdso_vmo.h"

#include <cstring>
#include <thread>
#include <vector>

#include "kernel_sim/process.h"
#include "kernel_sim/vdso/constants.h"
#include "kernel_sim/vdso/image.h"
#include "mm/vm_address_region.h"

namespace zirconia::kernel {

absl::Status VdsoVmo::Init(KoidAllocator& koids, mm::FrameAllocator& frames, const Constants& constants) {
  const absl::Span<const std::byte> file(reinterpret_cast<const std::byte*>(zirconia_vdso_image),
                                         zirconia_vdso_image_size);
  auto image = ElfImage::Parse(file);
  if (!image.ok()) return image.status();
  image_ = std::make_unique<ElfImage>(*std::move(image));
  for (const ElfSegment& s : image_->segments()) {
    if (!s.protection.execute()) continue;
    code_offset_ = s.page_begin();
    code_size_ = s.page_end() - s.page_begin();
  }
  size_ = image_->page_end();
  auto vmo = mm::VmObject::Create(frames, mm::ByteSize(size_), /*resizable=*/false);
  if (!vmo.ok()) return vmo.status();

  std::vector<std::byte> content(size_);
  for (const ElfSegment& s : image_->segments()) std::memcpy(&content[s.address], &file[s.file_offset], s.file_size);
  ::zirconia_vdso_constants filled{};
  filled.syscall_entry = constants.syscall_entry;
  filled.page_size = mm::kPageSize;
  filled.physmem = constants.physmem_bytes;
  filled.ticks_per_second = 1'000'000'000;
  filled.num_cpus = std::max(1u, std::thread::hardware_concurrency());
  filled.dcache_line_size = ZIRCONIA_DCACHE_LINE_SIZE;
  std::strncpy(filled.version, ZIRCONIA_VERSION_STRING, sizeof(filled.version) - 1);
  const auto at = image_->FindSymbol("zirconia_vdso_constants");
  if (!at.has_value() || *at + sizeof(filled) > size_) return absl::InternalError("the vDSO image lacks its constants");
  std::memcpy(&content[*at], &filled, sizeof(filled));
  if (absl::Status s = (*vmo)->Write(mm::ByteSize(0), content); !s.ok()) return s;
  (*vmo)->MakeConstant();

  vmo_ = std::make_shared<VmoDispatcher>(koids, *std::move(vmo), size_);
  vmo_->SetName("vdso/default");
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> VdsoVmo::MapInto(ProcessDispatcher& process) const {
  if (!process.ClaimVdso()) return absl::AlreadyExistsError("the process has a vDSO already");
  const auto fail = [&](const absl::Status& status) {
    process.ReleaseVdso();
    return status;
  };
  const auto& root = process.aspace().root();
  mm::VmAddressRegion::AllocateRequest room;
  room.size = mm::ByteSize(size_);
  room.caps = {mm::Protection::ReadExecute(), true};
  room.name = "vdso";
  auto region = root->Allocate(room);
  if (!region.ok()) return fail(region.status());
  for (const bool code : {false, true}) {
    mm::VmAddressRegion::MapRequest map;
    map.placement.kind = mm::Placement::Kind::kAt;
    map.placement.offset = mm::ByteSize(code ? code_offset_ : 0);
    map.vmo = vmo_->vmo();
    map.vmo_offset = map.placement.offset;
    map.size = mm::ByteSize(code ? code_size_ : code_offset_);
    map.protection = map.max_protection = code ? mm::Protection::ReadExecute() : mm::Protection::Read();
    map.immutable = true;
    if (const auto mapped = (*region)->Map(map); !mapped.ok()) {
      (*region)->Destroy().IgnoreError();
      return fail(mapped.status());
    }
  }
  const uint64_t base = (*region)->range().base.value();
  process.set_vdso_base(base);
  return base;
}

}  // namespace zirconia::kernel
