#include "test/platform/table_rig.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "test/platform/touch.h"

namespace zirconia::platform {

using mm::Access;
using mm::FrameNumber;
using mm::PageCount;
using mm::PageTableEdit;
using mm::Protection;
using mm::VirtRange;

TableRig::TableRig(uint64_t budget_limit, HostPageTable::Options options) : budget(budget_limit) {
  auto file = BackingFile::Create(faulty, {.size = PageCount(kFrames)});
  REQUIRE(file.ok());
  file_ = *std::move(file);
  REQUIRE(file_->Secure({FrameNumber(0), PageCount(kFrames)}).ok());
  for (uint64_t n = 0; n < kFrames; ++n) std::memcpy(file_->data(FrameNumber(n)), &n, sizeof n);
  auto window = Window::Create(faulty, PageCount(kPages).bytes());
  REQUIRE(window.ok());
  window_ = *std::move(window);
  table_ = std::make_unique<HostPageTable>(*window_, *file_, budget, options);
}

TableRig::~TableRig() {
  faulty.StopFailing();
  const absl::Status status = table_->Verify();
  CHECK(status == absl::OkStatus());
  table_.reset();
  CHECK(budget.used() == 0);
}

VirtRange TableRig::Pages(uint64_t first, uint64_t count) const {
  return {window_->range().base + PageCount(first).bytes(), PageCount(count).bytes()};
}

void TableRig::Map(uint64_t page, uint64_t count, uint64_t frame, Protection protection) {
  Edit({PageTableEdit::Map(Pages(page, count), FrameNumber(frame), protection)});
}
void TableRig::MapZero(uint64_t page, uint64_t count, Protection protection) {
  Edit({PageTableEdit::MapZero(Pages(page, count), protection)});
}
void TableRig::Unmap(uint64_t page, uint64_t count) { Edit({PageTableEdit::Unmap(Pages(page, count))}); }
void TableRig::Protect(uint64_t page, uint64_t count, Protection protection) {
  Edit({PageTableEdit::Protect(Pages(page, count), protection)});
}

void TableRig::Edit(const std::vector<PageTableEdit>& edits, mm::PageTableEffects* effects) {
  auto reservation = table_->Prepare(edits);
  REQUIRE(reservation.ok());
  table_->Commit(edits, *std::move(reservation), effects);
  for (const PageTableEdit& edit : edits) {
    const uint64_t first = PageCount::Of(edit.range.base - window_->range().base).value();
    for (uint64_t i = 0; i < PageCount::Of(edit.range.size).value(); ++i) {
      const auto page = model_.find(first + i);
      switch (edit.kind) {
        case PageTableEdit::Kind::kMap:
          model_[first + i] = {edit.first_frame.value() + i, edit.protection};
          break;
        case PageTableEdit::Kind::kMapZero:
          model_[first + i] = {std::nullopt, edit.protection};
          break;
        case PageTableEdit::Kind::kUnmap:
          model_.erase(first + i);
          break;
        case PageTableEdit::Kind::kProtect:
          if (page == model_.end()) break;
          if (!page->second.frame.has_value() && edit.protection.write()) {
            model_.erase(page);
          } else {
            page->second.protection = edit.protection;
          }
          break;
      }
    }
  }
}

void TableRig::Check() const {
  const absl::Status status = table_->Verify();
  REQUIRE(status == absl::OkStatus());
  uint64_t recorded = 0;
  for (const mm::Translation& t : table_->Snapshot()) {
    const uint64_t first = PageCount::Of(t.range.base - window_->range().base).value();
    for (uint64_t i = 0; i < PageCount::Of(t.range.size).value(); ++i, ++recorded) {
      const auto page = model_.find(first + i);
      if (page == model_.end()) FAIL("page " << first + i << " is recorded but shouldn't be");
      const std::optional<uint64_t> frame =
          t.first_frame.has_value() ? std::optional(t.first_frame->value() + i) : std::nullopt;
      if (frame != page->second.frame || t.protection != page->second.protection) FAIL("page " << first + i);
    }
  }
  REQUIRE(recorded == model_.size());
}

void TableRig::RealizeAndTouchAll() {
  for (uint64_t page = 0; page < kPages; ++page) {
    REQUIRE(table_->Realize(Pages(page, 1)).ok());
    const auto found = model_.find(page);
    const Protection p = found == model_.end() ? Protection::None() : found->second.protection;
    for (const Access access : {Access::kRead, Access::kWrite}) {
      if (CanAccess(Page(page), access) != Permits(p, access)) {
        FAIL("page " << page << ": wrong access " << static_cast<int>(access));
      }
    }
    if (p.read() && Read(page) != found->second.frame.value_or(0)) FAIL("page " << page << ": wrong content");
  }
  Check();
}

uint64_t TableRig::Read(uint64_t page) const {
  uint64_t number = 0;
  std::memcpy(&number, reinterpret_cast<const void*>(Page(page).value()), sizeof number);
  return number;
}

}  // namespace zirconia::platform
