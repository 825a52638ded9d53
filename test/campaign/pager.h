// A pager that the campaign plays: it supplies what is asked for, or refuses.
#ifndef ZIRCONIA_TEST_CAMPAIGN_PAGER_H_
#define ZIRCONIA_TEST_CAMPAIGN_PAGER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/page_source.h"

namespace zirconia::campaign {

class Machine;
struct Model;
struct ModelPages;
class ModelVmo;

// Remembers what it was asked for last. One thread at a time.
class FakePager final : public mm::PageSource {
 public:
  struct Asked {
    Need need;
    uint64_t first, count;
  };

  absl::StatusOr<std::shared_ptr<mm::PageRequest>> Request(Need need, mm::PageRange range) override;
  void Resolve(Need, mm::PageRange) override {}
  void Close() override {}

  bool detached = false;
  std::optional<Asked> asked;
};

// Carries out what may have to wait for the pager of `vmo` (null, or one without: it needn't), and answers each
// request, until the operation is done. ABORTED: the pager refused one, or nobody has the VMO any more that would be
// supplied; FAILED_PRECONDITION: it is detached; both are counted in the model. RESOURCE_EXHAUSTED: the pager itself
// had no room. DATA_LOSS: it was asked for what is there.
absl::Status WithPager(Machine& machine, Model& model, const ModelVmo* vmo,
                       absl::FunctionRef<absl::Status(mm::PageWait*)> operation);

// One of the errors of an operation that a pager has refused, or that nobody can supply.
inline bool IsRefusalByPager(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted || status.code() == absl::StatusCode::kFailedPrecondition;
}

// Supplies pages of fresh content, and of zeros, where there are none.
absl::Status SupplyPages(Machine& machine, Model& model, ModelPages& pages, uint64_t first, uint64_t count);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_PAGER_H_
