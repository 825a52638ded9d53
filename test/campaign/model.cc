#include "test/campaign/model.h"

#include <algorithm>

namespace zirconia::campaign {

uint64_t ModelVmo::committed() const {
  return static_cast<uint64_t>(std::count_if(pages.begin(), pages.end(), [](const Page& p) { return p.committed; }));
}

void ModelVmo::Decommit(uint64_t first, uint64_t count) {
  for (uint64_t p = first; p < first + count; ++p) pages[p] = Page();
}

std::vector<std::shared_ptr<ModelVmo>> Model::Living() const {
  std::vector<std::shared_ptr<ModelVmo>> living;
  for (const std::weak_ptr<ModelVmo>& vmo : all) {
    if (std::shared_ptr<ModelVmo> v = vmo.lock()) living.push_back(std::move(v));
  }
  return living;
}

}  // namespace zirconia::campaign
