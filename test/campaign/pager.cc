#include "test/campaign/pager.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "mm/random.h"
#include "test/campaign/machine.h"
#include "test/campaign/model.h"

namespace zirconia::campaign {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;
using mm::PageIndex;

// An operation that asks more often asks in vain.
constexpr int kMostRequests = 200;

absl::Status AnswerRequest(Machine& machine, Model& model, ModelPages& pages, const FakePager::Asked& asked) {
  const bool read = asked.need == mm::PageSource::Need::kRead;
  if (asked.count == 0 || asked.first + asked.count > pages.contents.size()) {
    return absl::DataLossError("a pager was asked for pages beyond the end");
  }
  for (uint64_t p = asked.first; p < asked.first + asked.count; ++p) {
    const bool needed = read ? !pages.own[p] : pages.own[p] && pages.dirt[p] != mm::Dirt::kDirty;
    if (!needed) return absl::DataLossError("a pager was asked for what it has given");
  }
  if (read) {
    const uint64_t more = model.pager_refuses_one_in == 0 ? 0 : mm::NextRandom(model.pager_random) % 4;
    const uint64_t count = std::min(asked.count + more, pages.contents.size() - asked.first);
    return SupplyPages(machine, model, pages, asked.first, count);
  }
  absl::Status status = pages.supplied.lock()->MarkDirty({PageIndex(asked.first), PageCount(asked.count)});
  if (!status.ok()) return status;
  std::fill_n(pages.dirt.begin() + static_cast<ptrdiff_t>(asked.first), asked.count, mm::Dirt::kDirty);
  return status;
}

}  // namespace

absl::StatusOr<std::shared_ptr<mm::PageRequest>> FakePager::Request(Need need, mm::PageRange range) {
  if (detached) return absl::FailedPreconditionError("detached");
  asked = {need, range.first.value(), range.count.value()};
  return std::make_shared<mm::PageRequest>();
}

absl::Status WithPager(Machine& machine, Model& model, const ModelVmo* vmo,
                       absl::FunctionRef<absl::Status(mm::PageWait*)> operation) {
  if (vmo == nullptr || !vmo->pages->paged()) return operation(nullptr);
  ModelPages& root = vmo->pages->Root();
  for (int i = 0; i < kMostRequests; ++i) {
    mm::PageWait wait;
    absl::Status status = operation(&wait);
    if (status.code() == absl::StatusCode::kFailedPrecondition && root.pager->detached) ++model.pager_refusals;
    if (status.code() != absl::StatusCode::kAborted) return status;
    const auto asked = std::exchange(root.pager->asked, std::nullopt);
    if (!asked.has_value() || wait.request == nullptr) return absl::DataLossError("what waits has asked for nothing");
    // What was asked to become dirty always does: a write may have begun.
    const bool refuses = model.pager_refuses_one_in != 0 && asked->need == mm::PageSource::Need::kRead &&
                         mm::NextRandom(model.pager_random) % model.pager_refuses_one_in == 0;
    if (refuses || root.supplied.expired()) {
      ++model.pager_refusals;
      return status;
    }
    if (absl::Status s = AnswerRequest(machine, model, root, *asked); !s.ok()) return s;
  }
  return absl::DataLossError("a pager was asked again and again, and in vain");
}

absl::Status SupplyPages(Machine& machine, Model& model, ModelPages& pages, uint64_t first, uint64_t count) {
  auto aux = mm::VmObject::Create(machine.frames(), PageCount(count).bytes(), /*resizable=*/false);
  if (!aux.ok()) return aux.status();
  std::vector<std::shared_ptr<Content>> contents(count);
  for (uint64_t i = 0; i < count; ++i) {
    if (mm::NextRandom(model.pager_random) % 4 == 0) continue;
    contents[i] = std::make_shared<Content>(model.FreshContent());
    const ByteSize at = PageCount(i).bytes();
    for (const auto& [offset, word] :
         {std::pair(at, contents[i]->head), std::pair(at + ByteSize(kPageSize - 8), contents[i]->tail)}) {
      absl::Status s = (*aux)->Write(offset, {reinterpret_cast<const std::byte*>(&word), 8});
      if (!s.ok()) return s;
    }
  }
  absl::Status status = pages.supplied.lock()->Supply({PageIndex(first), PageCount(count)}, **aux, PageIndex(0));
  if (!status.ok()) return status;
  if ((*aux)->committed_pages() != PageCount(0)) return absl::DataLossError("what was supplied is still where it was");
  for (uint64_t i = 0; i < count; ++i) {
    if (pages.own[first + i]) continue;
    pages.own[first + i] = true;
    pages.dirt[first + i] = mm::Dirt::kClean;
    pages.contents[first + i] = std::move(contents[i]);
  }
  return status;
}

}  // namespace zirconia::campaign
