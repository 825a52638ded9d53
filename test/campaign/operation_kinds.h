// Each kind of operation: when it is valid, and what it does. For the table in operation.cc alone.
#ifndef ZIRCONIA_TEST_CAMPAIGN_OPERATION_KINDS_H_
#define ZIRCONIA_TEST_CAMPAIGN_OPERATION_KINDS_H_

#include "absl/status/status.h"
#include "test/campaign/machine.h"
#include "test/campaign/model.h"
#include "test/campaign/operation.h"

namespace zirconia::campaign::kinds {

// Whether it should succeed. Slots that it names may be empty.
using IsValidFunction = bool(const Model&, const Operation&);
IsValidFunction MapIsValid, UnmapIsValid, ProtectIsValid, MapRangeIsValid, AllocateIsValid, DestroyIsValid,
    TouchIsValid;
IsValidFunction PagesAreValid, DecommitIsValid, ResizeIsValid, SnapshotIsValid, SliceIsValid, CloseIsValid,
    PagerIsValid, PagesOfPagerAreValid, AlwaysValid;

// As campaign::Execute. What it names must be there.
using ExecuteFunction = absl::Status(Machine&, Model&, const Operation&);
ExecuteFunction Map, Unmap, Protect, MapRange, Allocate, Destroy, Load, Store;
ExecuteFunction Commit, Decommit, Zero, Write, Resize, NewVmo, NewPagedVmo, Snapshot, Slice, Close, Supply,
    BeginWriteback, EndWriteback, Evict, Detach, Trim;

}  // namespace zirconia::campaign::kinds

#endif  // ZIRCONIA_TEST_CAMPAIGN_OPERATION_KINDS_H_
