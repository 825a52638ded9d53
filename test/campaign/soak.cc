#include "test/campaign/soak.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/config.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "mm/random.h"
#include "platform/guest_engine.h"
#include "test/campaign/check.h"
#include "test/campaign/machine.h"
#include "test/campaign/operation.h"
#include "test/campaign/pager.h"
#include "test/campaign/touch.h"

extern "C" const char zirconia_campaign_guest_begin[];
extern "C" const char zirconia_campaign_guest_end[];

namespace zirconia::campaign {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;
using mm::Placement;
using mm::Protection;
using mm::VmAddressRegion;
using platform::Disposition;

// The shared space: code, then a page for each guest thread, then the pages that are remapped.
constexpr size_t kShared = 0;
constexpr uint64_t kRemapped = 128;  // where these begin
constexpr uint64_t kPagesEach = 32;
// Whether all lines of /proc/self/maps can be compared: a sanitizer's own come and go.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
constexpr bool kLinesTell = false;
#else
constexpr bool kLinesTell = true;
#endif
// How often a fault that the host had no room for is answered again.
constexpr int kFaultAttempts = 50;

absl::Span<const std::byte> AsBytes(absl::Span<const uint64_t> words) {
  return {reinterpret_cast<const std::byte*>(words.data()), words.size() * sizeof(uint64_t)};
}

// The first thing that went wrong, and that all shall stop.
class Verdict {
 public:
  void Report(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (status_.ok()) status_ = status;
    stop_ = true;
  }
  void Stop() { stop_ = true; }
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> stop_{false};
};

// The kernel of the guest threads: answers faults from the address space.
class SoakKernel final : public platform::GuestEvents {
 public:
  SoakKernel(Machine::Space& space, Verdict& verdict) : space_(space), verdict_(verdict) {}

  platform::SyscallAnswer OnSyscall(platform::GuestThread&, const platform::SyscallArguments&) override {
    return {.disposition = Disposition::kEnd};
  }
  Disposition OnFault(platform::GuestThread&, const platform::FaultInfo& fault, platform::GuestRegisters&) override {
    absl::Status status;
    for (int attempt = 0; attempt < kFaultAttempts; ++attempt) {
      status = space_.space->HandleFault(fault.address, fault.access);
      if (status.code() != absl::StatusCode::kResourceExhausted) break;
    }
    if (status.ok()) return verdict_.stopped() ? Disposition::kEnd : Disposition::kResume;
    verdict_.Report(absl::DataLossError(
        absl::StrFormat("page %d of the shared space, touched by a guest: %s",
                        PageCount::Of(fault.address.RoundDownToPage() - space_.At(0)).value(), status.ToString())));
    return Disposition::kEnd;
  }
  Disposition OnException(platform::GuestThread&, const platform::ExceptionInfo&,
                          platform::GuestRegisters& at) override {
    verdict_.Report(absl::DataLossError(
        absl::StrFormat("page %d of the shared space shows a guest neither what was there nor what came",
                        (at.r8 - space_.At(0).value()) / kPageSize)));
    return Disposition::kEnd;
  }
  Disposition OnInterrupt(platform::GuestThread&) override {
    return verdict_.stopped() ? Disposition::kEnd : Disposition::kResume;
  }
  void OnThreadEnd(platform::GuestThread&) override {}

 private:
  Machine::Space& space_;
  Verdict& verdict_;
};

MachineOptions OptionsOf(const SoakOptions& options) {
  MachineOptions machine;
  machine.spaces = 1 + options.threads;
  machine.space_pages = std::max<uint64_t>(kRemapped + kPagesEach * options.threads, 48);
  machine.frames = 4096;
  // Less than what is mapped by all of them.
  machine.budget = 40 + 24 * options.threads;
  machine.table.remap = options.remap;
  return machine;
}

class Soak {
 public:
  Soak(const SoakOptions& options, SoakResult& result)
      : options_(options), result_(result), machine_(OptionsOf(options)), kernel_(machine_.space(kShared), verdict_) {}

  absl::Status Run(platform::GuestEngine& engine, double seconds) {
    if (absl::Status s = SetUp(); !s.ok()) return s;
    result_.frames_before = machine_.frames().stats().used.value();
    machine_.faulty.FailAtRandom({.seed = options_.seed, .one_in = std::max<uint64_t>(options_.one_in, 1)});
    {
      // Nothing fails where nothing should.
      std::optional<platform::FaultyHost::Quiet> quiet;
      if (options_.one_in == 0) quiet.emplace(machine_.faulty);
      RunThreads(engine, seconds);
    }
    result_.faults = machine_.faulty.fired();
    machine_.faulty.StopFailing();
    CountGuestTouches();
    absl::Status status = verdict_.status();
    if (status.ok()) status = CheckEnd();
    result_.frames_after = machine_.frames().stats().used.value();
    if (status.ok() && result_.frames_after != result_.frames_before) {
      status = absl::DataLossError("frames were lost, or are left over");
    }
    return status;
  }

 private:
  static constexpr size_t kMarks = 2;

  uint64_t pages() const { return kPagesEach * options_.threads; }

  absl::StatusOr<std::shared_ptr<mm::VmObject>> NewVmo(uint64_t pages) {
    return mm::VmObject::Create(machine_.frames(), PageCount(pages).bytes(), /*resizable=*/false);
  }

  absl::Status Map(const std::shared_ptr<mm::VmObject>& vmo, uint64_t vmo_page, uint64_t page, uint64_t count,
                   Protection protection) {
    VmAddressRegion::MapRequest request;
    request.placement.kind = Placement::Kind::kAtReplacing;
    request.placement.offset = PageCount(page).bytes();
    request.vmo = vmo;
    request.vmo_offset = PageCount(vmo_page).bytes();
    request.size = PageCount(count).bytes();
    request.protection = protection;
    request.max_protection = Protection::All();
    return machine_.space(kShared).space->root()->Map(request).status();
  }

  absl::Status SetUp() {
    // Words of page n: n, and which VMO it belongs to.
    std::vector<uint64_t> words(pages() * kPageSize / 8);
    for (size_t v = 0; v < kMarks; ++v) {
      for (size_t w = 0; w < words.size(); ++w) words[w] = (v + 1) << 32 | w * 8 / kPageSize;
      auto vmo = NewVmo(pages());
      if (!vmo.ok()) return vmo.status();
      vmos_[v] = *std::move(vmo);
      if (absl::Status s = vmos_[v]->Write(ByteSize(0), AsBytes(words)); !s.ok()) return s;
    }
    auto code = NewVmo(1);
    auto control = NewVmo(options_.threads);
    if (!code.ok() || !control.ok()) return absl::ResourceExhaustedError("no VMO");
    control_ = *control;
    const size_t size = static_cast<size_t>(zirconia_campaign_guest_end - zirconia_campaign_guest_begin);
    const auto* const begin = reinterpret_cast<const std::byte*>(zirconia_campaign_guest_begin);
    if (absl::Status s = (*code)->Write(ByteSize(0), {begin, size}); !s.ok()) return s;
    for (uint64_t t = 0; t < options_.threads; ++t) {
      const uint64_t words_of[4] = {machine_.space(kShared).At(kRemapped).value(), 0, pages(), 0};
      if (absl::Status s = control_->Write(PageCount(t).bytes(), AsBytes(words_of)); !s.ok()) return s;
    }
    for (absl::Status s : {Map(*code, 0, 0, 1, Protection::ReadExecute()),
                           Map(control_, 0, 1, options_.threads, Protection::ReadWrite()),
                           Map(vmos_[0], 0, kRemapped, pages(), Protection::Read())}) {
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }

  void RunThreads(platform::GuestEngine& engine, double seconds) {
    std::vector<std::unique_ptr<platform::GuestThread>> guests;
    std::vector<std::thread> hosts;
    Machine::Space& shared = machine_.space(kShared);
    for (uint64_t t = 0; t < options_.threads; ++t) {
      auto guest = engine.CreateThread(kernel_, shared.window->range(), nullptr);
      const mm::VirtAddr control = shared.At(1 + t);
      if (!guest.ok() ||
          !(*guest)->Start({.pc = shared.At(0), .sp = control + ByteSize(kPageSize), .arg1 = control.value()}).ok()) {
        verdict_.Report(absl::ResourceExhaustedError("a guest thread can't be started"));
        break;
      }
      guests.push_back(*std::move(guest));
    }
    for (uint64_t t = 0; t < options_.threads; ++t) hosts.emplace_back([this, t] { Host(t); });

    const auto begin = std::chrono::steady_clock::now();
    const auto elapsed = [&begin] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    while (!verdict_.stopped() && elapsed() < seconds) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (options_.progress) options_.progress(elapsed(), host_touches_);
    }
    verdict_.Stop();
    for (std::thread& t : hosts) t.join();
    for (const auto& guest : guests) guest->Interrupt();
    guests.clear();
    result_.host_touches = host_touches_;
    result_.remaps = remaps_;
  }

  // A host thread: remaps its part of the shared pages, reads them all, and does what it likes in a space of its own.
  void Host(uint64_t t) {
    uint64_t random = options_.seed * 1000 + t;
    const auto pick = [&random](uint64_t n) { return mm::NextRandom(random) % n; };
    Model model = ModelOf(machine_);
    model.only_space = 1 + t;
    uint64_t own = 0;
    while (!verdict_.stopped()) {
      const uint64_t page = kPagesEach * t + pick(kPagesEach);
      const uint64_t count = 1 + pick(std::min<uint64_t>(8, kPagesEach * (t + 1) - page));
      const Protection protection = pick(2) == 0 ? Protection::Read() : Protection::ReadWrite();
      absl::Status done;
      const size_t mark = pick(kMarks);
      switch (pick(4)) {
        case 0:
          done = machine_.space(kShared).space->root()->Protect(machine_.space(kShared).Range(kRemapped + page, count),
                                                                protection);
          break;
        case 1:
          done = ShowSnapshot(mark, page, count);
          break;
        default:
          done = Map(vmos_[mark], page, kRemapped + page, count, protection);
      }
      ++remaps_;
      if (!done.ok() && done.code() != absl::StatusCode::kResourceExhausted) {
        return verdict_.Report(absl::Status(done.code(), absl::StrCat("remapping: ", done.message())));
      }
      for (int i = 0; i < 4; ++i) ReadShared(pick(pages()));
      if (absl::Status s = OwnOperation(model, random, own++); !s.ok()) return verdict_.Report(s);
    }
    Forget(model);
  }

  // Shows a snapshot of what a VMO holds in its place, and writes what stands there anew: the first page to the
  // snapshot, as a guest, the second to its parent, as the kernel. So both are copied while others read them.
  absl::Status ShowSnapshot(size_t mark, uint64_t page, uint64_t count) {
    auto snapshot = vmos_[mark]->CreateSnapshot(PageCount(page).bytes(), PageCount(count).bytes(), false);
    if (!snapshot.ok()) return snapshot.status();
    if (absl::Status s = Map(*snapshot, 0, kRemapped + page, count, Protection::ReadWrite()); !s.ok()) return s;
    const auto word = [mark](uint64_t n) { return uint64_t{mark + 1} << 32 | n; };
    Machine::Space& shared = machine_.space(kShared);
    const Touched written = Store(*shared.space, shared.At(kRemapped + page) + ByteSize(512), word(page));
    if (!written.ok() && written.status.code() != absl::StatusCode::kResourceExhausted) {
      return absl::DataLossError(absl::StrFormat("page %d of the shared space, written: %s", kRemapped + page,
                                                 written.bus ? "SIGBUS" : written.status.ToString()));
    }
    if (count == 1) return absl::OkStatus();
    const uint64_t next = word(page + 1);
    return vmos_[mark]->Write(PageCount(page + 1).bytes() + ByteSize(512), AsBytes({&next, 1}));
  }

  void ReadShared(uint64_t n) {
    Machine::Space& shared = machine_.space(kShared);
    const Touched touched = Load(*shared.space, shared.At(kRemapped + n) + ByteSize(512));
    ++host_touches_;
    if (!touched.ok() && touched.status.code() == absl::StatusCode::kResourceExhausted) return;
    const uint64_t mark = touched.value >> 32;
    if (touched.ok() && (touched.value & 0xffffffff) == n && mark >= 1 && mark <= kMarks) return;
    verdict_.Report(
        absl::DataLossError(absl::StrFormat("page %d of the shared space: %s, %#x", kRemapped + n,
                                            touched.bus ? "SIGBUS" : touched.status.ToString(), touched.value)));
  }

  absl::Status OwnOperation(Model& model, uint64_t& random, uint64_t number) {
    const Operation op = RandomOperation(model, random);
    const bool valid = IsValid(model, op);
    const uint64_t refusals_before = model.pager_refusals;
    absl::Status done = Execute(machine_, model, op);
    if (done.code() == absl::StatusCode::kDataLoss) return done;
    const bool refused_by_pager = model.pager_refusals != refusals_before && IsRefusalByPager(done);
    if (done.ok() != valid && !refused_by_pager && done.code() != absl::StatusCode::kResourceExhausted) {
      return absl::InternalError(absl::StrCat(Describe(op), ": ", done.ToString()));
    }
    if (number % 64 != 0) return absl::OkStatus();
    const absl::Status pages = CheckPages(machine_, model, *model.only_space, 0, 48);
    return pages.code() == absl::StatusCode::kDataLoss ? pages : absl::OkStatus();
  }

  // Takes everything out of a thread's own space.
  void Forget(Model& model) {
    model.spaces.clear();
    const platform::FaultyHost::Quiet quiet(machine_.faulty);
    Machine::Space& own = machine_.space(*model.only_space);
    (void)own.space->root()->Unmap(own.window->range());
    // A host that had refused to give back left inaccessible mappings, which go with what is next taken away there.
    const mm::PageTableEdit all = mm::PageTableEdit::Unmap(own.window->range());
    own.table->Commit(std::vector{all});
  }

  void CountGuestTouches() {
    for (uint64_t t = 0; t < options_.threads; ++t) {
      uint64_t count = 0;
      (void)control_->Read(PageCount(t).bytes() + ByteSize(24), {reinterpret_cast<std::byte*>(&count), sizeof count});
      if (count == 0) verdict_.Report(absl::InternalError("a guest thread never touched anything"));
      result_.guest_touches += count;
    }
  }

  absl::Status CheckEnd() {
    for (uint64_t n = 0; n < pages(); ++n) ReadShared(n);
    // Snapshots go, and what was copied for them.
    if (absl::Status s = Map(vmos_[0], 0, kRemapped, pages(), Protection::Read()); !s.ok()) return s;
    for (uint64_t n = 0; n < pages(); ++n) ReadShared(n);
    for (size_t n = 0; n < machine_.space_count(); ++n) {
      if (absl::Status s = machine_.space(n).table->Verify(); !s.ok()) return s;
      if (absl::Status s = machine_.space(n).space->Verify(); !s.ok()) return s;
      if (n != kShared && machine_.space(n).table->stats().host_mappings != 1) {
        return absl::DataLossError("an empty address space has host mappings left");
      }
    }
    return verdict_.status();
  }

  const SoakOptions& options_;
  SoakResult& result_;
  Verdict verdict_;
  Machine machine_;
  SoakKernel kernel_;
  std::shared_ptr<mm::VmObject> vmos_[kMarks];
  std::shared_ptr<mm::VmObject> control_;
  std::atomic<uint64_t> host_touches_{0};
  std::atomic<uint64_t> remaps_{0};
};

}  // namespace

SoakResult RunSoak(const SoakOptions& options) {
  // More arenas come and go with chance.
  mallopt(M_ARENA_MAX, 1);
  SoakResult result;
  CatchTouches();
  const auto engine = platform::CreateInProcessEngine();
  if (!engine.ok()) {
    result.status = engine.status();
    return result;
  }
  {
    // What libraries set up once: stacks, arenas.
    SoakResult warm_up;
    result.status = Soak(options, warm_up).Run(**engine, 0.2);
    if (!result.status.ok()) return result;
  }
  const Leftovers before = CountLeftovers();
  result.status = Soak(options, result).Run(**engine, options.seconds);
  bool lines_leak = false;
  result.before = before;
  result.after = CountLeftovers();
  if (!result.status.ok()) return result;
  if (kLinesTell && result.after.mappings > before.mappings) {
    // Sooner or later a library takes one mapping more and keeps it: it isn't taken again. What leaks goes on leaking.
    SoakResult again;
    result.status = Soak(options, again).Run(**engine, 0.2);
    if (!result.status.ok()) return result;
    const Leftovers then = CountLeftovers();
    lines_leak = then.mappings > result.after.mappings;
  }
  if (result.after.descriptors != before.descriptors || result.after.shared != before.shared || lines_leak) {
    result.status = absl::DataLossError(absl::StrFormat(
        "%d descriptors and %d mappings, %d of them of the backing file, were %d and %d, %d", result.after.descriptors,
        result.after.mappings, result.after.shared, before.descriptors, before.mappings, before.shared));
  }
  return result;
}

}  // namespace zirconia::campaign
