#include "test/campaign/model.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace zirconia::campaign {

ModelVmo::ModelVmo(size_t number, std::shared_ptr<ModelPages> of, bool may_resize, ModelVmo* made_from)
    : id(number), pages(std::move(of)), resizable(may_resize) {
  pages->views.push_back(this);
  if (made_from != nullptr) made_from->Adopt(*this);
}

ModelVmo::ModelVmo(size_t number, ModelVmo& made_from, uint64_t first, uint64_t count)
    : id(number), pages(made_from.pages), resizable(false), first_(made_from.first_ + first), slice_(count) {
  pages->views.push_back(this);
  made_from.Adopt(*this);
}

ModelVmo::~ModelVmo() {
  for (ModelVmo* child : std::exchange(children_, {})) {
    child->parent_ = nullptr;
    if (parent_ != nullptr) parent_->Adopt(*child);
  }
  if (parent_ != nullptr) std::erase(parent_->children_, this);
  std::erase(pages->views, this);
  for (uint64_t page = 0; page < size(); ++page) {
    const bool seen = std::any_of(pages->views.begin(), pages->views.end(),
                                  [&](const ModelVmo* view) { return view->Shows(first_ + page); });
    if (!seen) pages->contents[first_ + page] = nullptr;
  }
}

void ModelVmo::Adopt(ModelVmo& child) {
  child.parent_ = this;
  children_.push_back(&child);
}

Content& ModelVmo::Own(uint64_t page) {
  std::shared_ptr<Content>& at = pages->contents[first_ + page];
  if (at.use_count() != 1) at = std::make_shared<Content>(Holds(page));
  return *at;
}

void ModelVmo::Clear(uint64_t page, uint64_t count) {
  std::fill_n(pages->contents.begin() + static_cast<ptrdiff_t>(first_ + page), count, nullptr);
}

bool ModelVmo::MayDecommit() const {
  return !pages->is_snapshot && std::all_of(pages->views.begin(), pages->views.end(), [](const ModelVmo* view) {
    return std::all_of(view->children_.begin(), view->children_.end(),
                       [](const ModelVmo* child) { return child->is_slice(); });
  });
}

std::vector<std::shared_ptr<Content>> ModelVmo::Snapshot(uint64_t page, uint64_t count) const {
  std::vector<std::shared_ptr<Content>> contents(count);
  for (uint64_t i = 0; i < count && page + i < size(); ++i) contents[i] = At(page + i);
  return contents;
}

void Model::SetHandle(size_t slot, std::shared_ptr<ModelVmo> vmo, std::shared_ptr<mm::VmObject> real) {
  vmo->real = real;
  std::erase_if(all, [](const std::weak_ptr<ModelVmo>& v) { return v.expired(); });
  all.push_back(vmo);
  vmos[slot] = std::move(vmo);
  handles[slot] = std::move(real);
}

std::vector<std::shared_ptr<ModelVmo>> Model::Living() const {
  std::vector<std::shared_ptr<ModelVmo>> living;
  for (const std::weak_ptr<ModelVmo>& vmo : all) {
    if (std::shared_ptr<ModelVmo> v = vmo.lock()) living.push_back(std::move(v));
  }
  std::sort(living.begin(), living.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->pages->birth, a->id) < std::tuple(b->pages->birth, b->id);
  });
  return living;
}

std::vector<uint64_t> ChargesOf(const std::vector<std::shared_ptr<ModelVmo>>& living) {
  absl::flat_hash_set<const Content*> charged;
  std::vector<uint64_t> charges;
  for (const std::shared_ptr<ModelVmo>& vmo : living) {
    const size_t before = charged.size();
    for (uint64_t page = 0; page < vmo->size(); ++page) {
      if (vmo->IsCommitted(page)) charged.insert(vmo->Shared(page));
    }
    charges.push_back(charged.size() - before);
  }
  return charges;
}

}  // namespace zirconia::campaign
