#include "test/campaign/check.h"

#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mm/verify.h"
#include "test/campaign/operation.h"
#include "test/campaign/touch.h"

namespace zirconia::campaign {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;
using mm::VirtAddr;

constexpr ByteSize kTail{kPageSize - 8};

std::string NameOf(const Machine::Space& real, size_t space, uint64_t page, const ModelMapping& at) {
  std::string name = absl::StrFormat("page %d of space %d, at %#x", page, space, real.At(page).value());
  if (at.vmo == nullptr) return name + ", where nothing is mapped";
  return absl::StrFormat("%s, which shows page %d of VMO %d, %s,", name, at.page, at.vmo->id, Describe(at.protection));
}

absl::Status CheckPage(Machine& machine, const Model& model, size_t n, uint64_t page, bool may_withhold) {
  Machine::Space& real = machine.space(n);
  const ModelMapping& at = model.spaces[n].pages[page];
  const bool hits = at.hits();
  const Content content = hits ? at.content() : Content();
  const VirtAddr address = real.At(page);
  const bool absent = hits && at.vmo->IsAbsent(at.page);
  const bool readable = hits && !absent && at.protection.read();
  // Where a pager would have to be waited for, it isn't.
  const auto fault = [&real](VirtAddr where, mm::Access access) {
    mm::PageWait wait;
    return real.space->HandleFault(where, access, &wait);
  };

  const auto lost = [&](const char* what, const std::string& how) {
    return absl::DataLossError(absl::StrFormat("%s %s: %s", NameOf(real, n, page, at), what, how));
  };
  const auto answer = [](const Touched& touched) {
    return touched.bus ? std::string("SIGBUS") : touched.status.ToString();
  };

  const Touched head = Load(fault, address);
  if (head.bus && may_withhold && hits && content.head == 0 && content.tail == 0) {
    return absl::OkStatus();
  }
  if (head.ok() != readable) {
    return readable ? lost("can't be read", answer(head)) : lost("can be read", "and must not be");
  }
  if (absent && at.protection.read()) {
    const auto expected =
        at.vmo->pages->Root().pager->detached ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kAborted;
    if (head.bus || head.status.code() != expected) return lost("isn't there, but", answer(head));
  }
  if (readable) {
    const Touched tail = Load(fault, address + kTail);
    const Touched middle = Load(fault, address + ByteSize(kPageSize / 2));
    if (!tail.ok() || !middle.ok()) return lost("can't be read wholly", answer(tail.ok() ? middle : tail));
    if (head.value != content.head || tail.value != content.tail || middle.value != 0) {
      return lost("holds", absl::StrFormat("%#x ... %#x ... %#x instead of %#x ... 0 ... %#x", head.value, middle.value,
                                           tail.value, content.head, content.tail));
    }
  }

  // A write that is permitted commits the page to this VMO alone: only where it is already.
  const bool writable = hits && at.protection.write();
  if (!writable || at.vmo->IsOwn(at.page)) {
    const Touched write = StoreNothing(fault, address);
    if (write.bus && may_withhold) return absl::OkStatus();
    if (write.ok() != writable) {
      return writable ? lost("can't be written", answer(write)) : lost("can be written", "and must not be");
    }
  }
  const bool executable = hits && at.protection.execute();
  if (executable ? content.head != 0 : !readable || HostForbidsExecution()) {
    const Touched execute = Execute(fault, address);
    if (execute.ok() != executable) {
      return executable ? lost("can't be executed", answer(execute)) : lost("can be executed", "and must not be");
    }
  }
  return absl::OkStatus();
}

// What a pager is told of its VMO.
absl::Status CheckDirt(const ModelVmo& vmo, const mm::VmObject& real) {
  enum : char { kClean, kDirty, kDirtyZeros };
  std::vector<char> found(vmo.size(), kClean);
  const auto ranges = real.DirtyRanges({mm::PageIndex(0), PageCount(vmo.size())});
  if (!ranges.ok()) return ranges.status();
  for (const auto& range : *ranges) {
    for (auto p = range.pages.first; p < range.pages.end(); p = p + PageCount(1)) {
      found[p.value()] = range.zero ? kDirtyZeros : kDirty;
    }
  }
  for (uint64_t p = 0; p < vmo.size(); ++p) {
    const bool dirty = vmo.pages->own[p] && vmo.pages->dirt[p] != mm::Dirt::kClean;
    const char expected = !dirty ? kClean : vmo.IsCommitted(p) ? kDirty : kDirtyZeros;
    if (found[p] == expected) continue;
    return absl::DataLossError(absl::StrFormat("page %d of VMO %d is %s, and its pager is told otherwise", p, vmo.id,
                                               dirty ? "dirty" : "clean"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBooks(Machine& machine, const Model& model) {
  const platform::FaultyHost::Quiet quiet(machine.faulty);
  for (size_t n = 0; n < machine.space_count(); ++n) {
    if (absl::Status s = machine.space(n).table->Verify(); !s.ok()) {
      return absl::DataLossError(absl::StrCat("the table of space ", n, ": ", s.message()));
    }
    if (absl::Status s = machine.space(n).space->Verify(); !s.ok()) {
      return absl::DataLossError(absl::StrCat("space ", n, ": ", s.message()));
    }
  }
  std::vector<std::shared_ptr<mm::VmObject>> vmos;
  const std::vector<std::shared_ptr<ModelVmo>> living = model.Living();
  const std::vector<uint64_t> charges = ChargesOf(living);
  for (size_t i = 0; i < living.size(); ++i) {
    const ModelVmo* const vmo = living[i].get();
    std::shared_ptr<mm::VmObject> real = vmo->real.lock();
    if (real == nullptr) return absl::DataLossError(absl::StrCat("VMO ", vmo->id, " is gone"));
    if (real->size() != PageCount(vmo->size()).bytes() || real->committed_pages() != PageCount(charges[i])) {
      return absl::DataLossError(absl::StrFormat("VMO %d has %d pages and is charged for %d, instead of %d and %d",
                                                 vmo->id, PageCount::Of(real->size()).value(),
                                                 real->committed_pages().value(), vmo->size(), charges[i]));
    }
    if (vmo->pages->pager != nullptr) {
      if (absl::Status s = CheckDirt(*vmo, *real); !s.ok()) return s;
    }
    vmos.push_back(std::move(real));
  }
  return mm::VerifyFrames(machine.frames(), vmos);
}

absl::Status CheckPages(Machine& machine, const Model& model, size_t space, uint64_t page, uint64_t count,
                        bool may_withhold) {
  const platform::FaultyHost::Quiet quiet(machine.faulty);
  for (uint64_t p = page; p < page + count; ++p) {
    if (absl::Status s = CheckPage(machine, model, space, p, may_withhold); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckVmos(const Model& model) {
  std::vector<std::byte> bytes;
  for (const std::shared_ptr<ModelVmo>& vmo : model.Living()) {
    const std::shared_ptr<mm::VmObject> real = vmo->real.lock();
    bytes.resize(vmo->size() * kPageSize);
    const auto all = absl::MakeSpan(bytes);
    if (!vmo->pages->paged()) {
      if (absl::Status s = real->Read(ByteSize(0), all); !s.ok()) return s;
    }
    for (uint64_t p = 0; p < vmo->size(); ++p) {
      if (vmo->pages->paged()) {
        mm::PageWait wait;
        const absl::Status s = real->Read(PageCount(p).bytes(), all.subspan(p * kPageSize, kPageSize), &wait);
        if (s.ok() == vmo->IsAbsent(p)) {
          return absl::DataLossError(absl::StrFormat("page %d of VMO %d: %s", p, vmo->id, s.ToString()));
        }
        if (!s.ok()) continue;
      }
      Content found;
      std::memcpy(&found.head, &bytes[p * kPageSize], 8);
      std::memcpy(&found.tail, &bytes[(p + 1) * kPageSize - 8], 8);
      const Content expected = vmo->Holds(p);
      if (found.head != expected.head || found.tail != expected.tail) {
        return absl::DataLossError(absl::StrFormat("page %d of VMO %d holds %#x ... %#x instead of %#x ... %#x", p,
                                                   vmo->id, found.head, found.tail, expected.head, expected.tail));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAll(Machine& machine, const Model& model) {
  if (absl::Status s = CheckBooks(machine, model); !s.ok()) return s;
  for (size_t n = 0; n < machine.space_count(); ++n) {
    if (absl::Status s = CheckPages(machine, model, n, 0, machine.options().space_pages); !s.ok()) return s;
  }
  const platform::FaultyHost::Quiet quiet(machine.faulty);
  if (absl::Status s = CheckVmos(model); !s.ok()) return s;
  // What the touches have realized.
  return CheckBooks(machine, model);
}

}  // namespace zirconia::campaign
