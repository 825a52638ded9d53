#include "platform/taken_out.h"

namespace zirconia::platform {
namespace {

thread_local TakenOut* t_collector = nullptr;

}  // namespace

TakenOut::TakenOut(bool may_allocate) : may_allocate_(may_allocate), outer_(t_collector) { t_collector = this; }

TakenOut::~TakenOut() { t_collector = outer_; }

void TakenOut::Note(const mm::PageTable& table, mm::VirtRange range) {
  if (t_collector == nullptr) return;
  auto& ranges = t_collector->ranges_;
  if (!ranges.empty() && ranges.back().table == &table && ranges.back().range.end() == range.base) {
    ranges.back().range.size += range.size;
  } else if (ranges.size() < kMost || t_collector->may_allocate_) {
    ranges.push_back({&table, range});
  }
}

}  // namespace zirconia::platform
