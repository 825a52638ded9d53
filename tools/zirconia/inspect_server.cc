#include "tools/zirconia/inspect_server.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel_sim/crash_report.h"
#include "kernel_sim/process.h"
#include "kernel_sim/vmo.h"
#include "platform/backing_file.h"
#include "platform/sealed_copy.h"
#include "tools/zirconia/stats.h"

namespace zirconia::cli {
namespace {

using nlohmann::json;
using Process = std::shared_ptr<kernel::ProcessDispatcher>;

// Names are the guest's choice, and needn't be UTF-8.
std::string Dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::optional<uint64_t> NumberIn(const json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

std::string TextIn(const json& request, const char* key) {
  const auto found = request.find(key);
  return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string Letters(mm::Protection p) { return {p.read() ? 'r' : '-', p.write() ? 'w' : '-', p.execute() ? 'x' : '-'}; }

// The processes that a request is about: all, or the one it names.
absl::StatusOr<std::vector<Process>> ProcessesOf(kernel::Kernel& kernel, const json& request) {
  std::vector<Process> processes = kernel.root_job()->processes();
  if (const auto koid = NumberIn(request, "process")) {
    std::erase_if(processes, [&](const Process& p) { return p->koid() != *koid; });
    if (processes.empty()) return absl::NotFoundError(absl::StrCat("there is no process ", *koid));
  }
  return processes;
}

// The one process that a request about addresses means.
absl::StatusOr<Process> ProcessOf(kernel::Kernel& kernel, const json& request) {
  auto processes = ProcessesOf(kernel, request);
  if (!processes.ok()) return processes.status();
  if (processes->size() == 1) return processes->front();
  if (processes->empty()) return absl::NotFoundError("there is no process");
  std::string text = "there are several processes, choose one with --process:";
  for (const Process& p : *processes) absl::StrAppendFormat(&text, " %d ('%s')", p->koid(), p->name());
  return absl::InvalidArgumentError(text);
}

std::map<uint64_t, std::shared_ptr<mm::VmObject>> VmosOf(const std::vector<Process>& processes) {
  std::map<uint64_t, std::shared_ptr<mm::VmObject>> vmos;
  for (const Process& p : processes) {
    for (const auto& entry : p->handles().Entries()) {
      if (entry.object->type() != kernel::VmoDispatcher::kType) continue;
      vmos.emplace(entry.object->koid(), std::static_pointer_cast<kernel::VmoDispatcher>(entry.object)->vmo());
    }
    for (const mm::RegionInfo& r : p->aspace().Regions()) {
      if (r.is_mapping) vmos.emplace(r.vmo->user_id(), r.vmo);
    }
  }
  return vmos;
}

json MapsAsJson(const kernel::ProcessDispatcher& process) {
  json regions = json::array();
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    json region = {{"kind", r.is_mapping ? "mapping" : "vmar"},
                   {"base", r.range.base.value()},
                   {"size", r.range.size.value()},
                   {"depth", r.depth},
                   {"name", r.name}};
    if (r.is_mapping) {
      region["protection"] = Letters(r.protection);
      region["vmo"] = r.vmo->user_id();
      region["vmo_offset"] = r.vmo_offset.value();
      region["committed_pages"] = r.committed.value();
    }
    regions.push_back(std::move(region));
  }
  return {{"process", process.koid()}, {"name", process.name()}, {"regions", std::move(regions)}};
}

std::string Maps(const std::vector<Process>& processes, bool as_json) {
  json all = json::array();
  std::string text;
  for (const Process& p : processes) {
    if (as_json) {
      all.push_back(MapsAsJson(*p));
    } else {
      absl::StrAppendFormat(&text, "process %d '%s'\n%s", p->koid(), p->name(), kernel::FormatMaps(*p));
    }
  }
  return as_json ? Dump(all) + "\n" : text;
}

std::string Vmos(const std::vector<Process>& processes, bool as_json) {
  json all = json::array();
  std::string text = absl::StrFormat("%8s %14s %10s %8s  name\n", "vmo", "bytes", "committed", "mappings");
  for (const auto& [koid, vmo] : VmosOf(processes)) {
    if (as_json) {
      all.push_back({{"vmo", koid},
                     {"name", vmo->name()},
                     {"size", vmo->size().value()},
                     {"committed_pages", vmo->committed_pages().value()},
                     {"mappings", vmo->mapping_count()},
                     {"address_spaces", vmo->share_count()},
                     {"resizable", vmo->resizable()}});
    } else {
      absl::StrAppendFormat(&text, "%8d %14d %10d %8d  %s\n", koid, vmo->size().value(),
                            vmo->committed_pages().bytes().value(), vmo->mapping_count(), vmo->name());
    }
  }
  return as_json ? Dump(all) + "\n" : text;
}

std::string Summary(kernel::Kernel& kernel, const std::vector<Process>& processes, bool as_json) {
  const mm::FrameAllocator::Stats frames = kernel.frames().stats();
  const platform::BackingFile& file = *kernel.machine().file();
  json all = {{"memory",
               {{"size", file.size().bytes().value()},
                {"used", frames.used.bytes().value()},
                {"policy", std::string(platform::BackingPolicyName(file.policy()))}}},
              {"processes", json::array()}};
  std::string text =
      absl::StrFormat("memory %d bytes, %d of them used (%s)\n", file.size().bytes().value(),
                      frames.used.bytes().value(), std::string(platform::BackingPolicyName(file.policy())));
  for (const Process& p : processes) {
    size_t mappings = 0;
    for (const mm::RegionInfo& r : p->aspace().Regions()) mappings += r.is_mapping ? 1 : 0;
    const mm::VirtRange range = p->aspace().range();
    all["processes"].push_back({{"process", p->koid()},
                                {"name", p->name()},
                                {"base", range.base.value()},
                                {"size", range.size.value()},
                                {"threads", p->threads().size()},
                                {"mappings", mappings}});
    absl::StrAppendFormat(&text, "process %d '%s': [0x%x, 0x%x), %d threads, %d mappings\n", p->koid(), p->name(),
                          range.base.value(), range.end().value(), p->threads().size(), mappings);
  }
  return as_json ? Dump(all) + "\n" : text;
}

// Calls `visit` for each piece of the range that a request names, with its frames pinned: where it lies in the
// machine's memory (nullopt: zeros without a frame), and how long it is.
absl::Status ForEachPiece(kernel::Kernel& kernel, const json& request,
                          absl::FunctionRef<absl::Status(std::optional<uint64_t> offset, uint64_t length)> visit) {
  const auto address = NumberIn(request, "address");
  const auto length = NumberIn(request, "length");
  if (!address || !length || *length == 0 || *length > kMostTranslated || *address + *length < *address) {
    return absl::InvalidArgumentError("a range that can't be read");
  }
  const auto process = ProcessOf(kernel, request);
  if (!process.ok()) return process.status();
  const std::byte* const memory = kernel.machine().file()->data(mm::FrameNumber(0));
  for (uint64_t done = 0; done < *length;) {
    const mm::VirtAddr at(*address + done);
    const auto piece = (*process)->aspace().PinIgnoringProtection(at, mm::ByteSize(*length - done), mm::Access::kRead);
    if (absl::IsOutOfRange(piece.status())) {
      return absl::OutOfRangeError(absl::StrFormat("0x%x lies beyond the end of its VMO", at.value()));
    }
    if (!piece.ok()) return absl::NotFoundError(absl::StrFormat("nothing is mapped at 0x%x", at.value()));
    std::optional<uint64_t> offset;
    if (piece->data != nullptr) offset = static_cast<uint64_t>(piece->data - memory);
    if (absl::Status s = visit(offset, piece->size.value()); !s.ok()) return s;
    done += piece->size.value();
  }
  return absl::OkStatus();
}

absl::StatusOr<platform::MemoryReply> Translate(kernel::Kernel& kernel, const json& request) {
  json pieces = json::array();
  const absl::Status s = ForEachPiece(kernel, request, [&](std::optional<uint64_t> offset, uint64_t length) {
    pieces.push_back({offset.has_value() ? json(*offset) : json(nullptr), length});
    return absl::OkStatus();
  });
  if (!s.ok()) return s;
  return platform::MemoryReply{Dump(pieces), {}};
}

absl::StatusOr<platform::MemoryReply> Read(kernel::Kernel& kernel, const json& request) {
  platform::MemoryReply reply;
  const platform::BackingFile& file = *kernel.machine().file();
  const absl::Status s = ForEachPiece(kernel, request, [&](std::optional<uint64_t> offset, uint64_t length) {
    const size_t at = reply.body.size();
    reply.body.resize(at + length);
    if (!offset.has_value()) return absl::OkStatus();
    // Not by touching it: where the host can't give the page, that is an error of the call and no signal.
    for (uint64_t done = 0; done < length;) {
      const auto n = file.host().Pread(file.fd(), &reply.body[at + done], length - done, *offset + done);
      if (n.error == EINTR) continue;
      if (!n.ok() || n.value == 0) return absl::UnavailableError("the host can't read the machine's memory");
      done += n.value;
    }
    return absl::OkStatus();
  });
  if (!s.ok()) return s;
  return reply;
}

absl::StatusOr<platform::MemoryReply> Export(kernel::Kernel& kernel, const json& request) {
  const auto koid = NumberIn(request, "vmo");
  if (!koid) return absl::InvalidArgumentError("no VMO is named");
  const auto vmos = VmosOf(kernel.root_job()->processes());
  const auto found = vmos.find(*koid);
  if (found == vmos.end()) return absl::NotFoundError(absl::StrCat("there is no VMO ", *koid));
  mm::VmObject& vmo = *found->second;
  if (vmo.committed_pages().bytes().value() > kMostExported) {
    return absl::ResourceExhaustedError(
        absl::StrCat("VMO ", *koid, " has more than ", kMostExported >> 20, " MiB committed: too much to copy"));
  }
  const uint64_t size = vmo.size().value();
  auto copy = platform::MakeSealedCopy(
      kernel.machine().file()->host(), absl::StrCat("zirconia-vmo-", *koid), size, [&](platform::CopyWriter write) {
        for (uint64_t done = 0; done < size;) {
          const auto piece = vmo.Pin(mm::ByteSize(done), mm::ByteSize(size - done), mm::Access::kRead);
          if (absl::IsOutOfRange(piece.status())) break;  // it shrank meanwhile: the rest is zeros
          if (!piece.ok()) return piece.status();
          if (piece->data != nullptr) {
            if (absl::Status s = write(done, {piece->data, piece->size.value()}); !s.ok()) return s;
          }
          done += piece->size.value();
        }
        return absl::OkStatus();
      });
  if (!copy.ok()) return copy.status();
  return platform::MemoryReply{Dump({{"vmo", *koid}, {"name", vmo.name()}, {"size", size}}), *std::move(copy)};
}

absl::StatusOr<platform::MemoryReply> Answer(kernel::Kernel& kernel, std::string_view text) {
  const json request = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object()) return absl::InvalidArgumentError("a request that isn't a JSON object");
  const std::string what = TextIn(request, "what");
  if (what == "translate") return Translate(kernel, request);
  if (what == "read") return Read(kernel, request);
  if (what == "export") return Export(kernel, request);
  const bool as_json = TextIn(request, "as") == "json";
  const auto processes = ProcessesOf(kernel, request);
  if (!processes.ok()) return processes.status();
  if (what == "summary") return platform::MemoryReply{Summary(kernel, *processes, as_json), {}};
  if (what == "maps") return platform::MemoryReply{Maps(*processes, as_json), {}};
  if (what == "vmos") return platform::MemoryReply{Vmos(*processes, as_json), {}};
  if (what == "stats") {
    const RunStats stats = RunStats::Take(kernel);
    return platform::MemoryReply{as_json ? StatsAsJson(stats) : StatsAsText(stats), {}};
  }
  return absl::UnimplementedError(absl::StrCat("this machine doesn't know what '", what, "' is"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<platform::MemoryServer>> ServeInspectors(kernel::Kernel& kernel,
                                                                        const std::string& path) {
  platform::MemoryServer::Options options;
  options.path = path;
  options.most = platform::MemoryAccess::kRead;
  options.handler = [&kernel](std::string_view request) { return Answer(kernel, request); };
  return platform::MemoryServer::Create(*kernel.machine().file(), std::move(options));
}

}  // namespace zirconia::cli
