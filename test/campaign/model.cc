#include "test/campaign/model.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace zirconia::campaign {

ModelPages::~ModelPages() {
  if (parent != nullptr) std::erase(parent->clones, this);
}

void ModelPages::MakeClone(std::shared_ptr<ModelPages> of, uint64_t page) {
  parent = std::move(of);
  parent->clones.push_back(this);
  first = page;
  const uint64_t size = parent->contents.size();
  limit = std::min<uint64_t>(contents.size(), size - std::min(size, first));
  MakePaged();
}

ModelPages::Found ModelPages::Find(uint64_t page) const {
  const ModelPages* at = this;
  while (at->paged() && !at->own[page]) {
    if (at->pager != nullptr) return {.absent = true};
    if (page >= at->limit) return {};
    page += at->first;
    at = at->parent.get();
  }
  return {.content = at->contents[page].get()};
}

void ModelPages::Resize(uint64_t count) {
  contents.resize(count);
  if (!paged()) return;
  // What a pager's VMO gains is zeros, and dirty.
  own.resize(count, pager != nullptr);
  dirt.resize(count, mm::Dirt::kDirty);
  limit = std::min(limit, count);
  for (ModelPages* clone : clones) clone->limit = std::min(clone->limit, count - std::min(count, clone->first));
}

void ModelPages::EvictClean() {
  for (size_t page = 0; page < contents.size(); ++page) {
    if (!own[page] || dirt[page] != mm::Dirt::kClean) continue;
    own[page] = false;
    contents[page] = nullptr;
  }
}

void ModelPages::Collapse() {
  if (parent == nullptr) return;
  for (ModelPages* clone : std::exchange(clones, {})) {
    for (uint64_t page = 0; page < clone->limit; ++page) {
      if (clone->own[page] || !own[page + clone->first]) continue;
      clone->own[page] = true;
      clone->contents[page] = contents[page + clone->first];
    }
    clone->limit = std::min(clone->limit, limit - std::min(limit, clone->first));
    clone->first += first;
    clone->parent = parent;
    parent->clones.push_back(clone);
  }
}

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
  if (pages->views.empty()) {
    pages->Collapse();
    return;
  }
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

bool ModelVmo::MayWait(uint64_t page) const {
  return IsAbsent(page) || (pages->trap_dirty && pages->dirt[page] != mm::Dirt::kDirty);
}

bool ModelVmo::IsOwn(uint64_t page) const {
  return At(page).use_count() == 1 && (pages->pager == nullptr || pages->dirt[page] == mm::Dirt::kDirty);
}

Content ModelVmo::Holds(uint64_t page) const {
  const Content* const content = Found(page);
  return content != nullptr ? *content : Content();
}

Content& ModelVmo::Own(uint64_t page) {
  const Content held = Holds(page);
  std::shared_ptr<Content>& at = pages->contents[first_ + page];
  if (at.use_count() != 1) at = std::make_shared<Content>(held);
  if (pages->paged()) pages->own[page] = true;
  return *at;
}

Content& ModelVmo::Write(uint64_t page) {
  Content& content = Own(page);
  pages->NoteWrite(first_ + page);
  return content;
}

void ModelVmo::Clear(uint64_t page, uint64_t count) {
  for (uint64_t p = first_ + page; p < first_ + page + count; ++p) {
    pages->contents[p] = nullptr;
    if (pages->paged()) pages->own[p] = true;
    pages->NoteWrite(p);
  }
}

bool ModelVmo::MayDecommit() const {
  return !pages->is_snapshot && !pages->paged() &&
         std::all_of(pages->views.begin(), pages->views.end(), [](const ModelVmo* view) {
           return std::all_of(view->children_.begin(), view->children_.end(),
                              [view](const ModelVmo* child) { return child->pages == view->pages; });
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
  absl::flat_hash_set<const Content*> had, charged;
  std::vector<uint64_t> charges;
  for (const std::shared_ptr<ModelVmo>& vmo : living) {
    for (uint64_t page = 0; page < vmo->size(); ++page) had.insert(vmo->Shared(page));
  }
  for (const std::shared_ptr<ModelVmo>& vmo : living) {
    const size_t before = charged.size();
    for (uint64_t page = 0; page < vmo->size(); ++page) {
      const Content* const shown = vmo->Found(page);
      const Content* const paid = had.contains(shown) ? vmo->Shared(page) : shown;
      if (paid != nullptr) charged.insert(paid);
    }
    charges.push_back(charged.size() - before);
  }
  return charges;
}

}  // namespace zirconia::campaign
