#include "test/campaign/operation.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "mm/random.h"
#include "test/campaign/operation_kinds.h"

namespace zirconia::campaign {
namespace {

using mm::Protection;

// What an operation names, besides.
enum class On {
  kSpace,   // pages of a space
  kPages,   // pages of a VMO
  kVmo,     // a VMO
  kSlot,    // a slot where something new comes, of `count` pages
  kParent,  // likewise, made from pages of another VMO
  kNothing,
};

// A new kind of operation is a row here.
struct Row {
  const char* name;
  unsigned weight;  // how often a random campaign does it
  On on;
  kinds::IsValidFunction* is_valid;
  kinds::ExecuteFunction* execute;
};
constexpr Row kRows[kOperationKinds] = {
    {"map", 24, On::kSpace, kinds::MapIsValid, kinds::Map},
    {"unmap", 8, On::kSpace, kinds::UnmapIsValid, kinds::Unmap},
    {"protect", 12, On::kSpace, kinds::ProtectIsValid, kinds::Protect},
    {"map range", 4, On::kSpace, kinds::MapRangeIsValid, kinds::MapRange},
    {"allocate", 3, On::kSpace, kinds::AllocateIsValid, kinds::Allocate},
    {"destroy", 2, On::kSpace, kinds::DestroyIsValid, kinds::Destroy},
    {"load", 24, On::kSpace, kinds::TouchIsValid, kinds::Load},
    {"store", 28, On::kSpace, kinds::TouchIsValid, kinds::Store},
    {"commit", 4, On::kPages, kinds::PagesAreValid, kinds::Commit},
    {"decommit", 5, On::kPages, kinds::DecommitIsValid, kinds::Decommit},
    {"zero", 3, On::kPages, kinds::PagesAreValid, kinds::Zero},
    {"write", 6, On::kPages, kinds::PagesAreValid, kinds::Write},
    {"resize", 6, On::kVmo, kinds::ResizeIsValid, kinds::Resize},
    {"new vmo", 2, On::kSlot, kinds::AlwaysValid, kinds::NewVmo},
    {"new paged vmo", 2, On::kSlot, kinds::AlwaysValid, kinds::NewPagedVmo},
    {"snapshot", 5, On::kParent, kinds::SnapshotIsValid, kinds::Snapshot},
    {"slice", 4, On::kParent, kinds::SliceIsValid, kinds::Slice},
    {"close", 2, On::kVmo, kinds::CloseIsValid, kinds::Close},
    {"supply", 4, On::kPages, kinds::PagesOfPagerAreValid, kinds::Supply},
    {"begin writeback", 3, On::kPages, kinds::PagesOfPagerAreValid, kinds::BeginWriteback},
    {"end writeback", 3, On::kPages, kinds::PagesOfPagerAreValid, kinds::EndWriteback},
    {"evict", 2, On::kVmo, kinds::PagerIsValid, kinds::Evict},
    {"detach", 1, On::kVmo, kinds::PagerIsValid, kinds::Detach},
    {"trim", 4, On::kNothing, kinds::AlwaysValid, kinds::Trim},
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
  const On on = kRows[kind].on;
  if (on == On::kSpace) return op;
  op.count = on == On::kPages ? 1 + pick(8) : on == On::kSlot ? 8 + pick(17) : 1 + pick(24);
  op.resizable = pick(2) == 0;
  op.trap_dirty = pick(2) == 0;
  op.of = pick(Model::kVmos);
  const auto& named = model.vmos[on == On::kParent ? op.of : op.vmo];
  const uint64_t size = named != nullptr ? named->size() : 0;
  if (size == 0 || pick(16) == 0) return op;
  if (on == On::kPages) {
    op.vmo_page %= size;
    op.count = std::min(op.count, size - op.vmo_page);
  }
  if (on == On::kParent) {
    // Often all of it: else what is made becomes smaller and smaller. A snapshot may reach beyond the end.
    op.vmo_page = pick(2) == 0 ? 0 : op.vmo_page % size;
    const uint64_t rest = size - op.vmo_page;
    op.count = op.kind == OperationKind::kSnapshot ? rest + pick(6) : pick(2) == 0 ? rest : std::min(op.count, rest);
  }
  return op;
}

// Whether there is somebody who could do it: what isn't there can't be asked at all, and some things the system calls
// never ask.
bool CanBeAsked(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  switch (op.kind) {
    case OperationKind::kDestroy:
      return space.regions[op.child].alive;
    case OperationKind::kAllocate:
      if (space.regions[op.child].alive) return false;
      break;
    case OperationKind::kSupply:
    case OperationKind::kBeginWriteback:
    case OperationKind::kEndWriteback:
    case OperationKind::kEvict:
    case OperationKind::kDetach:
      return kinds::PagerIsValid(model, op) && !model.vmos[op.vmo]->pages->pager->detached;
    case OperationKind::kSlice:
      return model.vmos[op.of] != nullptr && !model.vmos[op.of]->pages->paged();
    case OperationKind::kWrite:
      // It fails half done where nobody lets a page become dirty.
      return kinds::CloseIsValid(model, op) &&
             !(model.vmos[op.vmo]->pages->trap_dirty && model.vmos[op.vmo]->pages->pager->detached);
    default:
      break;
  }
  switch (RowOf(op.kind).on) {
    case On::kSlot:
    case On::kNothing:
      return true;
    case On::kParent:
      return model.vmos[op.of] != nullptr;
    case On::kPages:
    case On::kVmo:
      return model.vmos[op.vmo] != nullptr;
    case On::kSpace:
      break;
  }
  return space.regions[op.region].alive && (op.kind != OperationKind::kMap || model.vmos[op.vmo] != nullptr);
}

}  // namespace

std::string Describe(Protection p) {
  return absl::StrFormat("%c%c%c", p.read() ? 'r' : '-', p.write() ? 'w' : '-', p.execute() ? 'x' : '-');
}

std::string Describe(const Operation& op) {
  const Row& row = RowOf(op.kind);
  if (op.kind == OperationKind::kDestroy)
    return absl::StrFormat("%s region %d of space %d", row.name, op.child, op.space);
  switch (row.on) {
    case On::kPages:
      return absl::StrFormat("%s vmo %d, pages %d +%d", row.name, op.vmo, op.vmo_page, op.count);
    case On::kVmo:
      return op.kind == OperationKind::kResize ? absl::StrFormat("%s vmo %d to %d pages", row.name, op.vmo, op.count)
                                               : absl::StrFormat("%s vmo %d", row.name, op.vmo);
    case On::kSlot:
      return absl::StrFormat("%s %d of %d pages", row.name, op.vmo, op.count);
    case On::kParent:
      return absl::StrFormat("%s of vmo %d, pages %d +%d, as vmo %d", row.name, op.of, op.vmo_page, op.count, op.vmo);
    case On::kNothing:
      return row.name;
    case On::kSpace:
      break;
  }
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

bool IsOnVmo(const Operation& op) { return RowOf(op.kind).on != On::kSpace && RowOf(op.kind).on != On::kNothing; }

bool IsValid(const Model& model, const Operation& op) { return RowOf(op.kind).is_valid(model, op); }

absl::Status Execute(Machine& machine, Model& model, const Operation& op) {
  return RowOf(op.kind).execute(machine, model, op);
}

Operation RandomOperation(const Model& model, uint64_t& random) {
  Operation op = AnyOperation(model, random);
  // Some are tried although they must fail; what isn't there can't be asked at all.
  const bool may_be_invalid = mm::NextRandom(random) % 8 == 0;
  while (!CanBeAsked(model, op) || (!may_be_invalid && !IsValid(model, op))) op = AnyOperation(model, random);
  return op;
}

}  // namespace zirconia::campaign
