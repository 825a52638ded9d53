// The operations that campaigns are made of.
#ifndef ZIRCONIA_TEST_CAMPAIGN_OPERATION_H_
#define ZIRCONIA_TEST_CAMPAIGN_OPERATION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "mm/units.h"
#include "test/campaign/machine.h"
#include "test/campaign/model.h"

namespace zirconia::campaign {

enum class OperationKind : uint8_t {
  kMap,       // [page, +count) of a region shows `vmo` from `vmo_page` on, replacing what is there
  kUnmap,     // [page, +count), sub-regions included
  kProtect,   // [page, +count) of a region
  kMapRange,  // realizes what is committed of [page, +count) of a region
  kAllocate,  // a sub-region of `region` in slot `child`
  kDestroy,   // the sub-region in slot `child`, with all that is below it
  kLoad,      // the guest reads each page
  kStore,     // the guest writes fresh content to each page
  kCommit,    // from here on: pages of a VMO, [vmo_page, +count)
  kDecommit,
  kZero,
  kWrite,        // the kernel writes fresh content
  kResize,       // to `count` pages
  kNewVmo,       // of `count` pages, in slot `vmo`; who maps the one before keeps it
  kNewPagedVmo,  // likewise, with a pager
  kSnapshot,     // of [vmo_page, +count) of VMO `of`, in slot `vmo` in the same way; one-way where that has a pager
  kSlice,        // likewise
  kClose,        // leaves slot `vmo` empty
  // What a pager does to its VMO, to pages [vmo_page, +count), or to all.
  kSupply,
  kBeginWriteback,
  kEndWriteback,
  kEvict,  // all that is clean
  kDetach,
  kTrim,  // gives free frames back to the host
};
inline constexpr size_t kOperationKinds = static_cast<size_t>(OperationKind::kTrim) + 1;

// Pages are counted from the beginning of the address space, in sub-regions too.
struct Operation {
  OperationKind kind = OperationKind::kTrim;
  size_t space = 0;
  size_t region = 0;  // 0: the root
  uint64_t page = 0;
  uint64_t count = 0;
  size_t vmo = 0;
  uint64_t vmo_page = 0;
  mm::Protection protection = mm::Protection();
  size_t child = 0;
  size_t of = 0;
  bool resizable = true;  // what is made
  bool trap_dirty = false;
};

// E.g. "map space 0, pages 3 to 7: vmo 2 from page 1, rw-".
std::string Describe(const Operation& operation);
std::string Describe(mm::Protection protection);

// A model of what `machine` is at the beginning.
Model ModelOf(Machine& machine);

// Whether it is done to a VMO, wherever that is mapped.
bool IsOnVmo(const Operation& operation);

// Whether the operation is one that should succeed.
bool IsValid(const Model& model, const Operation& operation);

// Carries the operation out, and tells the model if it succeeded. Page by page for kLoad and kStore: the status is the
// first failure; UNAVAILABLE: the host withholds a page (SIGBUS); DATA_LOSS: what was loaded isn't what should be
// there, or an access was answered wrongly.
absl::Status Execute(Machine& machine, Model& model, const Operation& operation);

// What would be done next by a random campaign: mostly valid operations.
Operation RandomOperation(const Model& model, uint64_t& random);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_OPERATION_H_
