// What is done to VMOs.
#include <cstddef>
#include <cstring>
#include <vector>

#include "test/campaign/operation_kinds.h"
#include "test/campaign/pager.h"

namespace zirconia::campaign::kinds {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;

ByteSize Bytes(uint64_t pages) { return PageCount(pages).bytes(); }

}  // namespace

bool PagesAreValid(const Model& model, const Operation& op) {
  const auto& vmo = model.vmos[op.vmo];
  return vmo != nullptr && op.vmo_page + op.count <= vmo->size();
}

bool DecommitIsValid(const Model& model, const Operation& op) {
  return PagesAreValid(model, op) && model.vmos[op.vmo]->MayDecommit();
}

bool ResizeIsValid(const Model& model, const Operation& op) {
  const auto& vmo = model.vmos[op.vmo];
  return vmo != nullptr && vmo->resizable;
}

bool SnapshotIsValid(const Model& model, const Operation& op) { return model.vmos[op.of] != nullptr; }

bool SliceIsValid(const Model& model, const Operation& op) {
  const auto& of = model.vmos[op.of];
  return of != nullptr && !of->resizable && op.vmo_page + op.count <= of->size();
}

bool PagerIsValid(const Model& model, const Operation& op) {
  const auto& vmo = model.vmos[op.vmo];
  return vmo != nullptr && vmo->pages->pager != nullptr;
}

bool PagesOfPagerAreValid(const Model& model, const Operation& op) {
  return PagerIsValid(model, op) && PagesAreValid(model, op);
}

bool CloseIsValid(const Model& model, const Operation& op) { return model.vmos[op.vmo] != nullptr; }

bool AlwaysValid(const Model&, const Operation&) { return true; }

absl::Status Commit(Machine& machine, Model& model, const Operation& op) {
  absl::Status status = WithPager(machine, model, model.vmos[op.vmo].get(), [&](mm::PageWait* wait) {
    return model.handles[op.vmo]->Commit(Bytes(op.vmo_page), Bytes(op.count), wait);
  });
  if (!status.ok()) return status;
  for (uint64_t p = op.vmo_page; p < op.vmo_page + op.count; ++p) model.vmos[op.vmo]->Own(p);
  return status;
}

absl::Status Decommit(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Decommit(Bytes(op.vmo_page), Bytes(op.count));
  if (status.ok()) model.vmos[op.vmo]->Clear(op.vmo_page, op.count);
  return status;
}

absl::Status Zero(Machine& machine, Model& model, const Operation& op) {
  absl::Status status = WithPager(machine, model, model.vmos[op.vmo].get(), [&](mm::PageWait* wait) {
    return model.handles[op.vmo]->Zero(Bytes(op.vmo_page), Bytes(op.count), wait);
  });
  if (status.ok()) model.vmos[op.vmo]->Clear(op.vmo_page, op.count);
  return status;
}

absl::Status Write(Machine& machine, Model& model, const Operation& op) {
  std::vector<std::byte> bytes(op.count * kPageSize);
  std::vector<Content> contents;
  for (uint64_t i = 0; i < op.count; ++i) {
    contents.push_back(model.FreshContent());
    std::memcpy(&bytes[i * kPageSize], &contents[i].head, 8);
    std::memcpy(&bytes[(i + 1) * kPageSize - 8], &contents[i].tail, 8);
  }
  absl::Status status = WithPager(machine, model, model.vmos[op.vmo].get(), [&](mm::PageWait* wait) {
    return model.handles[op.vmo]->Write(Bytes(op.vmo_page), bytes, wait);
  });
  if (!status.ok()) return status;
  for (uint64_t i = 0; i < op.count; ++i) model.vmos[op.vmo]->Write(op.vmo_page + i) = contents[i];
  return status;
}

absl::Status Resize(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Resize(Bytes(op.count));
  if (status.ok()) model.vmos[op.vmo]->pages->Resize(op.count);
  return status;
}

absl::Status NewVmo(Machine& machine, Model& model, const Operation& op) {
  auto made = mm::VmObject::Create(machine.frames(), Bytes(op.count), op.resizable);
  if (!made.ok()) return made.status();
  auto pages = std::make_shared<ModelPages>(model.next_id, op.count);
  model.SetHandle(op.vmo, std::make_shared<ModelVmo>(model.next_id++, std::move(pages), op.resizable),
                  *std::move(made));
  return absl::OkStatus();
}

absl::Status NewPagedVmo(Machine& machine, Model& model, const Operation& op) {
  auto pager = std::make_shared<FakePager>();
  auto made = mm::VmObject::CreatePaged(machine.frames(), Bytes(op.count), op.resizable, pager, op.trap_dirty);
  if (!made.ok()) return made.status();
  auto pages = std::make_shared<ModelPages>(model.next_id, op.count);
  pages->pager = std::move(pager);
  pages->supplied = *made;
  pages->trap_dirty = op.trap_dirty;
  pages->MakePaged();
  model.SetHandle(op.vmo, std::make_shared<ModelVmo>(model.next_id++, std::move(pages), op.resizable),
                  *std::move(made));
  return absl::OkStatus();
}

absl::Status Snapshot(Machine&, Model& model, const Operation& op) {
  ModelVmo& of = *model.vmos[op.of];
  mm::VmObject& real = *model.handles[op.of];
  auto made = of.pages->paged() ? real.CreateOverlay(Bytes(op.vmo_page), Bytes(op.count), op.resizable)
                                : real.CreateSnapshot(Bytes(op.vmo_page), Bytes(op.count), op.resizable);
  if (!made.ok()) return made.status();
  auto pages = std::make_shared<ModelPages>(model.next_id, op.count);
  pages->is_snapshot = true;
  if (of.pages->paged()) {
    pages->MakeClone(of.pages, op.vmo_page);
  } else {
    pages->contents = of.Snapshot(op.vmo_page, op.count);
  }
  model.SetHandle(op.vmo, std::make_shared<ModelVmo>(model.next_id++, std::move(pages), op.resizable, &of),
                  *std::move(made));
  return absl::OkStatus();
}

absl::Status Slice(Machine&, Model& model, const Operation& op) {
  auto made = model.handles[op.of]->CreateSlice(Bytes(op.vmo_page), Bytes(op.count));
  if (!made.ok()) return made.status();
  model.SetHandle(op.vmo, std::make_shared<ModelVmo>(model.next_id++, *model.vmos[op.of], op.vmo_page, op.count),
                  *std::move(made));
  return absl::OkStatus();
}

absl::Status Close(Machine&, Model& model, const Operation& op) {
  model.Close(op.vmo);
  return absl::OkStatus();
}

absl::Status Supply(Machine& machine, Model& model, const Operation& op) {
  return SupplyPages(machine, model, *model.vmos[op.vmo]->pages, op.vmo_page, op.count);
}

absl::Status BeginWriteback(Machine&, Model& model, const Operation& op) {
  const mm::PageRange range{mm::PageIndex(op.vmo_page), PageCount(op.count)};
  absl::Status status = model.handles[op.vmo]->BeginWriteback(range, /*only_zeros=*/false);
  if (!status.ok()) return status;
  ModelPages& pages = *model.vmos[op.vmo]->pages;
  for (uint64_t p = op.vmo_page; p < op.vmo_page + op.count; ++p) {
    if (pages.own[p] && pages.dirt[p] == mm::Dirt::kDirty) pages.dirt[p] = mm::Dirt::kAwaitingClean;
  }
  return status;
}

absl::Status EndWriteback(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->EndWriteback({mm::PageIndex(op.vmo_page), PageCount(op.count)});
  if (!status.ok()) return status;
  ModelPages& pages = *model.vmos[op.vmo]->pages;
  for (uint64_t p = op.vmo_page; p < op.vmo_page + op.count; ++p) {
    if (pages.own[p] && pages.dirt[p] == mm::Dirt::kAwaitingClean) pages.dirt[p] = mm::Dirt::kClean;
  }
  return status;
}

absl::Status Evict(Machine&, Model& model, const Operation& op) {
  model.handles[op.vmo]->EvictClean();
  model.vmos[op.vmo]->pages->EvictClean();
  return absl::OkStatus();
}

absl::Status Detach(Machine& machine, Model& model, const Operation& op) {
  model.vmos[op.vmo]->pages->pager->detached = true;
  return Evict(machine, model, op);
}

absl::Status Trim(Machine& machine, Model&, const Operation&) {
  machine.frames().Trim();
  return absl::OkStatus();
}

}  // namespace zirconia::campaign::kinds
