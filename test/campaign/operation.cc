#include "test/campaign/operation.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "mm/random.h"
#include "test/campaign/touch.h"

namespace zirconia::campaign {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;
using mm::Placement;
using mm::Protection;
using mm::VirtAddr;
using mm::VmAddressRegion;

ByteSize Bytes(uint64_t pages) { return PageCount(pages).bytes(); }

// --- Which operations are valid ---

bool AllMappedBy(const ModelSpace& space, const Operation& op) {
  if (!space.regions[op.region].Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo == nullptr || space.pages[p].region != op.region) return false;
  }
  return true;
}

bool HitsChild(const ModelSpace& space, size_t region, uint64_t page, uint64_t count) {
  for (size_t r = 1; r < ModelSpace::kRegions; ++r) {
    const ModelRegion& child = space.regions[r];
    if (child.alive && child.parent == region && child.Overlaps(page, count)) return true;
  }
  return false;
}

bool MapIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  const ModelRegion& region = space.regions[op.region];
  return model.vmos[op.vmo] != nullptr && region.alive && region.Contains(op.page, op.count) &&
         !HitsChild(space, op.region, op.page, op.count);
}

bool UnmapIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  if (!space.regions[0].Contains(op.page, op.count)) return false;
  return std::none_of(space.regions + 1, space.regions + ModelSpace::kRegions, [&op](const ModelRegion& r) {
    const bool covered = r.first >= op.page && r.first + r.count <= op.page + op.count;
    return r.alive && r.Overlaps(op.page, op.count) && !covered;
  });
}

bool ProtectIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  return space.regions[op.region].alive && AllMappedBy(space, op);
}

// Over sub-regions too.
bool MapRangeIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  if (!space.regions[op.region].alive || !space.regions[op.region].Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo == nullptr) return false;
  }
  return true;
}

bool AllocateIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  const ModelRegion& parent = space.regions[op.region];
  if (!parent.alive || space.regions[op.child].alive || !parent.Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo != nullptr) return false;
  }
  return !HitsChild(space, op.region, op.page, op.count);
}

bool DestroyIsValid(const Model& model, const Operation& op) { return model.spaces[op.space].regions[op.child].alive; }

bool TouchIsValid(const Model& model, const Operation& op) {
  return op.page + op.count <= model.spaces[op.space].pages.size();
}

bool PagesAreValid(const Model& model, const Operation& op) {
  const auto& vmo = model.vmos[op.vmo];
  return vmo != nullptr && op.vmo_page + op.count <= vmo->size();
}

bool ResizeIsValid(const Model& model, const Operation& op) {
  const auto& vmo = model.vmos[op.vmo];
  return vmo != nullptr && vmo->resizable;
}

bool AlwaysValid(const Model&, const Operation&) { return true; }

// --- What they do ---

absl::Status Map(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion& region = space.regions[op.region];
  VmAddressRegion::MapRequest request;
  request.placement.kind = Placement::Kind::kAtReplacing;
  request.placement.offset = Bytes(op.page - region.first);
  request.vmo = model.handles[op.vmo];
  request.vmo_offset = Bytes(op.vmo_page);
  request.size = Bytes(op.count);
  request.protection = op.protection;
  request.max_protection = Protection::All();
  absl::Status status = region.real->Map(request).status();
  if (!status.ok()) return status;
  for (uint64_t i = 0; i < op.count; ++i) {
    space.pages[op.page + i] = {model.vmos[op.vmo], op.vmo_page + i, op.protection, op.region};
  }
  return status;
}

// Tells the model that everything in the range is gone.
void ClearRange(ModelSpace& space, uint64_t page, uint64_t count) {
  for (uint64_t p = page; p < page + count; ++p) space.pages[p] = ModelMapping();
  for (size_t r = 1; r < ModelSpace::kRegions; ++r) {
    if (space.regions[r].alive && space.regions[r].Overlaps(page, count)) space.regions[r] = ModelRegion();
  }
}

absl::Status Unmap(Machine& machine, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  absl::Status status = space.regions[0].real->Unmap(machine.space(op.space).Range(op.page, op.count));
  if (status.ok()) ClearRange(space, op.page, op.count);
  return status;
}

absl::Status Protect(Machine& machine, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  absl::Status status =
      space.regions[op.region].real->Protect(machine.space(op.space).Range(op.page, op.count), op.protection);
  if (!status.ok()) return status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) space.pages[p].protection = op.protection;
  return status;
}

absl::Status MapRange(Machine& machine, Model& model, const Operation& op) {
  return model.spaces[op.space].regions[op.region].real->OpRange(VmAddressRegion::RangeOp::kMapRange,
                                                                 machine.space(op.space).Range(op.page, op.count));
}

absl::Status Allocate(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion& parent = space.regions[op.region];
  VmAddressRegion::AllocateRequest request;
  request.placement.kind = Placement::Kind::kAt;
  request.placement.offset = Bytes(op.page - parent.first);
  request.size = Bytes(op.count);
  request.caps = {Protection::All(), true};
  auto child = parent.real->Allocate(request);
  if (!child.ok()) return child.status();
  space.regions[op.child] = {op.page, op.count, op.region, true, *std::move(child)};
  return absl::OkStatus();
}

// Whether a region is `above`, or lies in it.
bool IsBelow(const ModelSpace& space, size_t region, size_t above) {
  if (!space.regions[region].alive) return false;
  while (region != above && region != 0) region = space.regions[region].parent;
  return region == above;
}

absl::Status Destroy(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion region = space.regions[op.child];
  absl::Status status = region.real->Destroy();
  if (!status.ok()) return status;
  bool below[ModelSpace::kRegions];
  for (size_t r = 0; r < ModelSpace::kRegions; ++r) below[r] = IsBelow(space, r, op.child);
  for (size_t r = 0; r < ModelSpace::kRegions; ++r) {
    if (below[r]) space.regions[r] = ModelRegion();
  }
  for (uint64_t p = region.first; p < region.first + region.count; ++p) space.pages[p] = ModelMapping();
  return status;
}

// What is wrong with how an access was answered; empty where nothing is. Running out isn't wrong here.
std::string WrongAnswer(const ModelMapping& at, mm::Access access, const Touched& touched) {
  const bool permitted = at.target() != nullptr && Permits(at.protection, access);
  if (touched.bus) return "SIGBUS";
  if (touched.ok() && !permitted) return "the access was possible, and shouldn't be";
  if (!touched.ok() && permitted && touched.status.code() != absl::StatusCode::kResourceExhausted) {
    return absl::StrFormat("the access was refused: %s", touched.status.ToString());
  }
  return "";
}

absl::Status Named(const absl::Status& status, uint64_t page, size_t space) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrFormat("page %d of space %d can't be touched: %s", page, space,
                                                     absl::StatusCodeToString(status.code())));
}

absl::Status Load(Machine& machine, Model& model, const Operation& op) {
  Machine::Space& space = machine.space(op.space);
  absl::Status status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    const ModelMapping& at = model.spaces[op.space].pages[p];
    const Touched touched = campaign::Load(*space.space, space.At(p));
    if (touched.bus && machine.faulty.withholds()) {
      status = absl::UnavailableError("SIGBUS, because the host withholds memory");
      continue;
    }
    std::string wrong = WrongAnswer(at, mm::Access::kRead, touched);
    if (wrong.empty() && touched.ok() && touched.value != at.target()->content.head) {
      wrong = absl::StrFormat("it holds %#x instead of %#x", touched.value, at.target()->content.head);
    }
    if (!wrong.empty()) return absl::DataLossError(absl::StrFormat("page %d of space %d: %s", p, op.space, wrong));
    if (at.target() != nullptr && at.protection.read() && status.ok()) status = Named(touched.status, p, op.space);
  }
  return status;
}

absl::Status Store(Machine& machine, Model& model, const Operation& op) {
  Machine::Space& space = machine.space(op.space);
  absl::Status status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    const ModelMapping& at = model.spaces[op.space].pages[p];
    const Content content = model.FreshContent();
    const VirtAddr address = space.At(p);
    for (const bool head : {true, false}) {
      const Touched touched = head ? campaign::Store(*space.space, address, content.head)
                                   : campaign::Store(*space.space, address + ByteSize(kPageSize - 8), content.tail);
      if (touched.bus && machine.faulty.withholds() && at.target() != nullptr) {
        // The fault was answered and the page committed; the host doesn't give it.
        at.target()->committed = true;
        status = absl::UnavailableError("SIGBUS, because the host withholds memory");
        continue;
      }
      const std::string wrong = WrongAnswer(at, mm::Access::kWrite, touched);
      if (!wrong.empty()) return absl::DataLossError(absl::StrFormat("page %d of space %d: %s", p, op.space, wrong));
      if (touched.ok()) {
        at.target()->committed = true;
        (head ? at.target()->content.head : at.target()->content.tail) = head ? content.head : content.tail;
      } else if (at.target() != nullptr && at.protection.write() && status.ok()) {
        status = Named(touched.status, p, op.space);
      }
    }
  }
  return status;
}

absl::Status Commit(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Commit(Bytes(op.vmo_page), Bytes(op.count));
  if (!status.ok()) return status;
  for (uint64_t p = op.vmo_page; p < op.vmo_page + op.count; ++p) model.vmos[op.vmo]->pages[p].committed = true;
  return status;
}

absl::Status Decommit(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Decommit(Bytes(op.vmo_page), Bytes(op.count));
  if (status.ok()) model.vmos[op.vmo]->Decommit(op.vmo_page, op.count);
  return status;
}

absl::Status Zero(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Zero(Bytes(op.vmo_page), Bytes(op.count));
  if (status.ok()) model.vmos[op.vmo]->Decommit(op.vmo_page, op.count);
  return status;
}

absl::Status Write(Machine&, Model& model, const Operation& op) {
  std::vector<std::byte> bytes(op.count * kPageSize);
  std::vector<Content> contents;
  for (uint64_t i = 0; i < op.count; ++i) {
    contents.push_back(model.FreshContent());
    std::memcpy(&bytes[i * kPageSize], &contents[i].head, 8);
    std::memcpy(&bytes[(i + 1) * kPageSize - 8], &contents[i].tail, 8);
  }
  absl::Status status = model.handles[op.vmo]->Write(Bytes(op.vmo_page), bytes);
  if (!status.ok()) return status;
  for (uint64_t i = 0; i < op.count; ++i) model.vmos[op.vmo]->pages[op.vmo_page + i] = {true, contents[i]};
  return status;
}

absl::Status Resize(Machine&, Model& model, const Operation& op) {
  absl::Status status = model.handles[op.vmo]->Resize(Bytes(op.count));
  if (status.ok()) model.vmos[op.vmo]->pages.resize(op.count);
  return status;
}

absl::Status NewVmo(Machine& machine, Model& model, const Operation& op) {
  auto made = mm::VmObject::Create(machine.frames(), Bytes(op.count), /*resizable=*/true);
  if (!made.ok()) return made.status();
  auto vmo = std::make_shared<ModelVmo>();
  vmo->id = model.next_id++;
  vmo->pages.resize(op.count);
  vmo->real = *made;
  std::erase_if(model.all, [](const std::weak_ptr<ModelVmo>& v) { return v.expired(); });
  model.all.push_back(vmo);
  model.vmos[op.vmo] = std::move(vmo);
  model.handles[op.vmo] = *std::move(made);
  return absl::OkStatus();
}

absl::Status Trim(Machine& machine, Model&, const Operation&) {
  machine.frames().Trim();
  return absl::OkStatus();
}

// A new kind of operation is a row here.
struct Row {
  const char* name;
  unsigned weight;  // how often a random campaign does it
  bool on_vmo;      // it names pages of a VMO, not of a space
  bool (*is_valid)(const Model&, const Operation&);
  absl::Status (*execute)(Machine&, Model&, const Operation&);
};
constexpr Row kRows[kOperationKinds] = {
    {"map", 20, false, MapIsValid, Map},
    {"unmap", 8, false, UnmapIsValid, Unmap},
    {"protect", 12, false, ProtectIsValid, Protect},
    {"map range", 4, false, MapRangeIsValid, MapRange},
    {"allocate", 3, false, AllocateIsValid, Allocate},
    {"destroy", 2, false, DestroyIsValid, Destroy},
    {"load", 20, false, TouchIsValid, Load},
    {"store", 20, false, TouchIsValid, Store},
    {"commit", 4, true, PagesAreValid, Commit},
    {"decommit", 5, true, PagesAreValid, Decommit},
    {"zero", 3, true, PagesAreValid, Zero},
    {"write", 4, true, PagesAreValid, Write},
    {"resize", 4, true, ResizeIsValid, Resize},
    {"new vmo", 1, true, AlwaysValid, NewVmo},
    {"trim", 4, true, AlwaysValid, Trim},
};
const Row& RowOf(OperationKind kind) { return kRows[static_cast<size_t>(kind)]; }

Operation AnyOperation(const Model& model, uint64_t& random) {
  const auto pick = [&random](uint64_t n) { return mm::NextRandom(random) % n; };
  static constexpr Protection kProtections[] = {
      Protection::None(),      Protection::Read(),        Protection::ReadWrite(), Protection::ReadWrite(),
      Protection::ReadWrite(), Protection::ReadExecute(), Protection::All()};
  unsigned total = 0;
  for (const Row& row : kRows) total += row.weight;
  unsigned weight = static_cast<unsigned>(pick(total));
  size_t kind = 0;
  while (weight >= kRows[kind].weight) weight -= kRows[kind++].weight;

  Operation op;
  op.kind = static_cast<OperationKind>(kind);
  op.space = model.only_space.value_or(pick(model.spaces.size()));
  op.vmo = pick(Model::kVmos);
  op.vmo_page = pick(20);
  op.child = 1 + pick(ModelSpace::kRegions - 1);
  op.protection = kProtections[pick(std::size(kProtections))];
  const ModelSpace& space = model.spaces[op.space];
  op.region = pick(3) != 0 ? 0 : pick(ModelSpace::kRegions);
  const ModelRegion& region = space.regions[op.region].alive ? space.regions[op.region] : space.regions[0];
  op.page = region.first + pick(region.count);
  op.count = std::min(1 + pick(pick(4) == 0 ? 24 : 6), region.first + region.count - op.page);
  if (kRows[kind].on_vmo) {
    const uint64_t size = model.vmos[op.vmo] != nullptr ? model.vmos[op.vmo]->size() : 0;
    const bool resizes = op.kind == OperationKind::kResize || op.kind == OperationKind::kNewVmo;
    op.count = resizes ? 1 + pick(24) : 1 + pick(8);
    if (!resizes && size > 0 && pick(16) != 0) {
      op.vmo_page %= size;
      op.count = std::min(op.count, size - op.vmo_page);
    }
  }
  return op;
}

}  // namespace

std::string Describe(Protection p) {
  return absl::StrFormat("%c%c%c", p.read() ? 'r' : '-', p.write() ? 'w' : '-', p.execute() ? 'x' : '-');
}

std::string Describe(const Operation& op) {
  const Row& row = RowOf(op.kind);
  if (op.kind == OperationKind::kTrim) return row.name;
  if (op.kind == OperationKind::kDestroy)
    return absl::StrFormat("%s region %d of space %d", row.name, op.child, op.space);
  if (op.kind == OperationKind::kResize || op.kind == OperationKind::kNewVmo) {
    return absl::StrFormat("%s %d to %d pages", row.name, op.vmo, op.count);
  }
  if (row.on_vmo) return absl::StrFormat("%s vmo %d, pages %d +%d", row.name, op.vmo, op.vmo_page, op.count);
  std::string text =
      absl::StrFormat("%s space %d, region %d, pages %d +%d", row.name, op.space, op.region, op.page, op.count);
  if (op.kind == OperationKind::kMap) absl::StrAppendFormat(&text, ": vmo %d from page %d", op.vmo, op.vmo_page);
  if (op.kind == OperationKind::kMap || op.kind == OperationKind::kProtect) {
    absl::StrAppendFormat(&text, ", %s", Describe(op.protection));
  }
  if (op.kind == OperationKind::kAllocate) absl::StrAppendFormat(&text, " as region %d", op.child);
  return text;
}

Model ModelOf(Machine& machine) {
  Model model;
  model.spaces.resize(machine.space_count());
  for (size_t n = 0; n < machine.space_count(); ++n) {
    const uint64_t pages = machine.options().space_pages;
    model.spaces[n].pages.resize(pages);
    model.spaces[n].regions[0] = {0, pages, 0, true, machine.space(n).space->root()};
  }
  return model;
}

bool IsValid(const Model& model, const Operation& op) { return RowOf(op.kind).is_valid(model, op); }

absl::Status Execute(Machine& machine, Model& model, const Operation& op) {
  return RowOf(op.kind).execute(machine, model, op);
}

Operation RandomOperation(const Model& model, uint64_t& random) {
  Operation op = AnyOperation(model, random);
  // Some are tried although they must fail; what isn't there can't be asked at all.
  const bool may_be_invalid = mm::NextRandom(random) % 8 == 0;
  const auto can_be_asked = [&model](const Operation& o) {
    const ModelSpace& space = model.spaces[o.space];
    if (o.kind == OperationKind::kDestroy) return space.regions[o.child].alive;
    if (o.kind == OperationKind::kAllocate && space.regions[o.child].alive) return false;
    return space.regions[o.region].alive && (model.vmos[o.vmo] != nullptr || o.kind == OperationKind::kNewVmo);
  };
  while (!can_be_asked(op) || (!may_be_invalid && !IsValid(model, op))) op = AnyOperation(model, random);
  return op;
}

}  // namespace zirconia::campaign
