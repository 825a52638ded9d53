// Compares everything with the model.
#ifndef ZIRCONIA_TEST_CAMPAIGN_CHECK_H_
#define ZIRCONIA_TEST_CAMPAIGN_CHECK_H_

#include "absl/status/status.h"
#include "mm/random.h"
#include "test/campaign/machine.h"
#include "test/campaign/model.h"

namespace zirconia::campaign {

// Translations, bookkeeping and /proc/self/maps agree, and so do VMARs, VMOs and frames. Touches nothing.
absl::Status CheckBooks(Machine& machine, const Model& model);

// Reads the pages [page, page + count) of a space through their guest addresses, as a guest would, and tries every kind
// of access: each is possible or refused as the model says, and finds what the model says. DATA_LOSS names the first
// page that is wrong. `may_withhold`: a page may be SIGBUS that nobody wrote to.
absl::Status CheckPages(Machine& machine, const Model& model, size_t space, uint64_t page, uint64_t count,
                        bool may_withhold = false);

// What VMOs hold, as the kernel reads it, and how much of them is committed.
absl::Status CheckVmos(const Model& model);

// All of it, for everything.
absl::Status CheckAll(Machine& machine, const Model& model);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_CHECK_H_
