// The random campaign as a test, and that it can see.
#include "test/campaign/random.h"

#include <catch2/catch.hpp>
#include <regex>
#include <string>

#include "test/campaign/run_campaign.h"

namespace zirconia::campaign {
namespace {

using platform::RemapStrategy;

TEST_CASE("100,000 random operations with one host call in 50 failing: nothing is lost, altered or leaked") {
  const RandomResult result = RunRandomly({.seed = 1});
  INFO("after operation " << result.operation << " (" << result.last << ")");
  CHECK(result.status == absl::OkStatus());
  CHECK(result.operation == 100000);
  CHECK(result.faults > 500);
  CHECK(result.torn > 100);
  CHECK(result.evictions > 500);
}

TEST_CASE("The same with a reserve, and with staging, for a fifth as long") {
  const RemapStrategy remap = GENERATE(RemapStrategy::kReserve, RemapStrategy::kStage);
  const RandomResult result = RunRandomly({.seed = 2, .operations = 20000, .remap = remap});
  INFO("after operation " << result.operation << " (" << result.last << ")");
  CHECK(result.status == absl::OkStatus());
  CHECK(result.faults > 100);
}

TEST_CASE("With the naive remap the campaign finds a lost page, names it, and its replay command finds it again") {
  const auto [status, output] = RunCampaign("--seed 5 --operations 100000 --remap=naive");
  INFO(output);
  CHECK(status == 1);
  CHECK_THAT(output, Catch::Matches("LOST after operation [0-9]+ .*page [0-9]+ of space [0-9]+(.|\n)*"));
  std::smatch replay;
  REQUIRE(std::regex_search(output, replay, std::regex("replay: tools/dev campaign (.*)\n")));
  const auto [again, same] = RunCampaign(replay[1].str());
  CHECK(again == 1);
  // The same page, wherever the windows are this time.
  const std::regex address("0x[0-9a-f]+");
  CHECK(std::regex_replace(same, address, "") == std::regex_replace(output, address, ""));
}

TEST_CASE("Errors in using the campaign are one line, and exit status 2") {
  const std::string words = GENERATE("--seed -1", "--operations x", "--one-in 2", "--minutes nan", "--minutes -1",
                                     "--threads 0 --minutes 1", "--remap=safe", "--exhaustive --operations 5", "more");
  const auto [status, output] = RunCampaign(words + " 2>&1");
  INFO(words << ": " << output);
  CHECK(status == 2);
  CHECK(output.find('\n') == output.size() - 1);
}

TEST_CASE("A naive remap on a host that never fails loses nothing: it is the failures that the campaign finds") {
  const RandomResult result = RunRandomly({.seed = 5, .operations = 4000, .one_in = 0, .remap = RemapStrategy::kNaive});
  CHECK(result.status == absl::OkStatus());
}

// Breaks the model at an operation of its choice, and expects that to be seen.
template <typename F>
RandomResult WithBrokenModel(F break_something) {
  bool broken = false;
  RandomOptions options{.seed = 3, .operations = 10000, .one_in = 0};
  options.disturb_model = [&](uint64_t operation, Model& model) {
    // Where everything is checked after the operation.
    if (operation >= 1024 && operation % 64 == 0 && !broken) broken = break_something(model);
  };
  RandomResult result = RunRandomly(options);
  CHECK(broken);
  return result;
}

// The first page of a space that shows a committed page with content.
ModelMapping* FindMapped(Model& model) {
  for (ModelSpace& space : model.spaces) {
    for (ModelMapping& at : space.pages) {
      if (at.hits() && at.content().head != 0 && at.protection.write() && at.vmo->IsOwn(at.page)) return &at;
    }
  }
  return nullptr;
}

TEST_CASE("The campaign sees a page whose content isn't what it should be") {
  const RandomResult result = WithBrokenModel([](Model& model) {
    ModelMapping* const at = FindMapped(model);
    if (at != nullptr) ++at->Write().head;
    return at != nullptr;
  });
  CHECK(result.status.code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("The campaign sees a page that can be written and must not be") {
  const RandomResult result = WithBrokenModel([](Model& model) {
    ModelMapping* const at = FindMapped(model);
    if (at != nullptr) at->protection = at->protection.WithoutWrite();
    return at != nullptr;
  });
  CHECK_THAT(std::string(result.status.message()), Catch::Contains("page"));
}

TEST_CASE("The campaign sees a page that is there and must not be, and one that is missing") {
  CHECK_FALSE(WithBrokenModel([](Model& model) {
                ModelMapping* const at = FindMapped(model);
                if (at != nullptr) *at = ModelMapping();
                return at != nullptr;
              }).status.ok());
  CHECK_FALSE(WithBrokenModel([](Model& model) {
                ModelMapping* const at = FindMapped(model);
                ModelMapping* empty = nullptr;
                for (ModelMapping& page : model.spaces[0].pages) empty = page.vmo == nullptr ? &page : empty;
                if (at == nullptr || empty == nullptr) return false;
                *empty = *at;
                return true;
              }).status.ok());
}

TEST_CASE("The campaign sees a page that is committed and should not be") {
  const RandomResult result = WithBrokenModel([](Model& model) {
    for (const auto& vmo : model.Living()) {
      for (uint64_t page = 0; page < vmo->size(); ++page) {
        if (vmo->IsCommitted(page)) continue;
        vmo->Own(page);
        return true;
      }
    }
    return false;
  });
  CHECK(result.status.code() == absl::StatusCode::kDataLoss);
}

TEST_CASE(
    "The campaign sees a page of a pager that is absent and should not be, and a dirty one that is called clean") {
  const auto find = [](Model& model, auto break_page) {
    for (const auto& vmo : model.Living()) {
      if (vmo->pages->pager == nullptr) continue;
      for (uint64_t page = 0; page < vmo->size(); ++page) {
        if (break_page(*vmo->pages, page)) return true;
      }
    }
    return false;
  };
  CHECK_FALSE(WithBrokenModel([&](Model& model) {
                return find(model, [](ModelPages& pages, uint64_t page) {
                  if (pages.own[page]) return false;
                  pages.own[page] = true;
                  return true;
                });
              }).status.ok());
  const RandomResult result = WithBrokenModel([&](Model& model) {
    return find(model, [](ModelPages& pages, uint64_t page) {
      if (!pages.own[page] || pages.dirt[page] != mm::Dirt::kDirty) return false;
      pages.dirt[page] = mm::Dirt::kClean;
      return true;
    });
  });
  CHECK_THAT(std::string(result.status.message()), Catch::Contains("its pager is told otherwise"));
}

TEST_CASE("The campaign sees a page that VMOs share and should not") {
  const RandomResult result = WithBrokenModel([](Model& model) {
    for (const auto& vmo : model.Living()) {
      for (uint64_t page = 0; page < vmo->size(); ++page) {
        if (!vmo->IsShared(page)) continue;
        vmo->Own(page);
        return true;
      }
    }
    return false;
  });
  CHECK_THAT(std::string(result.status.message()), Catch::Contains("is charged for"));
}

TEST_CASE("The campaign sees a write to a VMO that its snapshot should not show") {
  const RandomResult result = WithBrokenModel([](Model& model) {
    for (const auto& vmo : model.Living()) {
      for (uint64_t page = 0; page < vmo->size(); ++page) {
        if (!vmo->IsShared(page)) continue;
        // As if it were seen by all who share the page.
        ++const_cast<Content*>(vmo->Shared(page))->tail;
        return true;
      }
    }
    return false;
  });
  CHECK(result.status.code() == absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace zirconia::campaign
