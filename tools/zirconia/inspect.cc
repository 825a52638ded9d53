#include "tools/zirconia/inspect.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/host_linux.h"
#include "platform/memory_client.h"
#include "platform/sealed_copy.h"
#include "tools/zirconia/console.h"
#include "tools/zirconia/inspect_server.h"
#include "tools/zirconia/run.h"
#include "tools/zirconia/whole_number.h"

namespace zirconia::cli {
namespace {

using nlohmann::json;

int Fail(absl::string_view what) {
  std::cerr << "zirconia: inspect: " << what << "\n";
  return kExitUsage;
}

// Names are the guest's choice; a terminal must not obey them.
std::string Printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) c = '?';
  }
  return text;
}

// 123 or 0x7b.
std::optional<uint64_t> ParseNumber(absl::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

json Request(const InspectOptions& options, const std::string& what) {
  json request = {{"what", what}, {"as", options.json ? "json" : "text"}};
  if (options.process.has_value()) request["process"] = *options.process;
  return request;
}

// Reads guest memory through the machine's own memory: asks where it lies, copies it from there, and asks again. Where
// the answers differ the guest has changed its mappings meanwhile, and it starts over, a few times; `settled` says
// whether it got a copy that belongs together. (Bytes that the guest writes meanwhile are old or new, each by itself.)
absl::Status CopyThroughDescriptor(platform::MemoryClient& client, const std::string& request,
                                   std::vector<std::byte>& to, bool& settled) {
  constexpr int kMostAttempts = 5;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const auto before = client.Call(request);
    if (!before.ok()) return before.status();
    const json pieces = json::parse(before->body, nullptr, false);
    size_t at = 0;
    if (!pieces.is_array()) return absl::InvalidArgumentError("the answer makes no sense");
    for (const json& piece : pieces) {
      if (!piece.is_array() || piece.size() != 2 || !piece[1].is_number_unsigned()) {
        return absl::InvalidArgumentError("the answer makes no sense");
      }
      const auto length = piece[1].get<uint64_t>();
      if (length > to.size() - at) return absl::InvalidArgumentError("the answer makes no sense");
      const std::span<std::byte> part(to.data() + at, length);
      if (piece[0].is_number_unsigned()) {
        if (absl::Status s = client.ReadMemory(piece[0].get<uint64_t>(), part); !s.ok()) return s;
      } else {
        std::memset(part.data(), 0, part.size());
      }
      at += length;
    }
    if (at != to.size()) return absl::InvalidArgumentError("the answer makes no sense");
    const auto after = client.Call(request);
    if (!after.ok()) return after.status();
    if (after->body == before->body) return absl::OkStatus();
  }
  settled = false;
  return absl::OkStatus();
}

absl::Status CopyServed(platform::MemoryClient& client, const std::string& request, std::vector<std::byte>& to) {
  const auto reply = client.Call(request);
  if (!reply.ok()) return reply.status();
  if (reply->body.size() != to.size()) return absl::InvalidArgumentError("the answer makes no sense");
  std::memcpy(to.data(), reply->body.data(), to.size());
  return absl::OkStatus();
}

// Sixteen bytes a line, as hexdump -C has them.
std::string AsLines(uint64_t address, const std::vector<std::byte>& bytes) {
  constexpr size_t kPerLine = 16;
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kPerLine) {
    const size_t n = std::min(kPerLine, bytes.size() - at);
    std::string line = absl::StrFormat("%016x ", address + at);
    std::string letters;
    for (size_t i = 0; i < kPerLine; ++i) {
      if (i == kPerLine / 2) line += ' ';
      if (i >= n) {
        line += "   ";
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes[at + i]);
      absl::StrAppendFormat(&line, " %02x", byte);
      letters += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    absl::StrAppend(&text, line, "  |", letters, "|\n");
  }
  return text;
}

int Dump(platform::MemoryClient& client, const InspectOptions& options) {
  const auto address = ParseNumber(options.arguments[0]);
  const auto length = ParseNumber(options.arguments[1]);
  if (!address || !length || *length == 0 || *address + *length < *address) {
    return Fail(absl::StrCat("dump: '", options.arguments[0], " ", options.arguments[1],
                             "' isn't an address and a length (decimal, or with 0x)"));
  }
  const bool mapped = client.access() == platform::MemoryAccess::kRead;
  bool settled = true;
  // Half an object is none: as JSON it is printed when all has been read.
  std::string hexadecimal;
  std::vector<std::byte> bytes;
  for (uint64_t done = 0; done < *length; done += bytes.size()) {
    bytes.resize(std::min(*length - done, kMostTranslated));
    json request = Request(options, mapped ? "translate" : "read");
    request["address"] = *address + done;
    request["length"] = bytes.size();
    const absl::Status s = mapped ? CopyThroughDescriptor(client, request.dump(), bytes, settled)
                                  : CopyServed(client, request.dump(), bytes);
    if (!s.ok()) return Fail(Printable(std::string(s.message())));
    if (options.json) {
      hexadecimal +=
          absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    } else if (!WriteStdout(AsLines(*address + done, bytes))) {
      return kExitUsage;
    }
  }
  if (options.json && !WriteStdout(absl::StrFormat("{\"address\":%d,\"length\":%d,\"bytes\":\"%s\",\"settled\":%s}\n",
                                                   *address, *length, hexadecimal, settled ? "true" : "false"))) {
    return kExitUsage;
  }
  if (!settled)
    std::cerr << "zirconia: inspect: the guest was changing its mappings: the bytes may not belong together\n";
  return 0;
}

int Export(platform::Host& host, platform::MemoryClient& client, const InspectOptions& options) {
  const auto koid = ParseNumber(options.arguments[0]);
  if (!koid) return Fail(absl::StrCat("export: '", options.arguments[0], "' isn't the number of a VMO"));
  auto reply = client.Call(json({{"what", "export"}, {"vmo", *koid}}).dump());
  if (!reply.ok()) return Fail(Printable(std::string(reply.status().message())));
  auto view = platform::SealedView::Map(host, std::move(reply->fd));
  if (!view.ok()) return Fail(view.status().message());
  const std::string& path = options.arguments[1];
  const auto fd = host.Open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (!fd.ok()) return Fail(absl::StrCat("'", path, "': ", std::strerror(fd.error)));
  const platform::OwnedFd file(host, fd.value);
  const std::span<const std::byte> bytes = view->bytes();
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Fail(absl::StrCat("'", path, "': ", std::strerror(errno)));
    done += static_cast<size_t>(n);
  }
  if (options.json && !WriteStdout(reply->body + "\n")) return kExitUsage;
  return 0;
}

}  // namespace

CLI::App* AddInspectCommand(CLI::App& app, InspectOptions& options) {
  CLI::App* inspect = app.add_subcommand(
      "inspect", "Look at a machine that runs with --inspect, without stopping it; nothing can be changed");
  inspect->add_option("SOCKET", options.socket, "The socket that was given to zirconia run --inspect")->required();
  inspect
      ->add_option("ACTION", options.action,
                   "summary; maps; vmos; stats; dump ADDRESS LENGTH: guest memory; export VMO FILE: a VMO's content")
      ->check(CLI::IsMember({"summary", "maps", "vmos", "stats", "dump", "export"}));
  inspect->add_option("ARGUMENTS", options.arguments, "Of the action");
  inspect->add_option("--process", options.process, "The process, by its koid; all of them, or the only one")
      ->transform(WholeNumber());
  inspect->add_flag("--json", options.json, "As JSON");
  return inspect;
}

int Inspect(const InspectOptions& options) {
  const size_t wanted = options.action == "dump" || options.action == "export" ? 2 : 0;
  if (options.arguments.size() != wanted) {
    return Fail(absl::StrCat(options.action, " takes ", wanted, " arguments, not ", options.arguments.size()));
  }
  platform::LinuxHost host;
  platform::MemoryClient::Options connect;
  connect.path = options.socket;
  connect.access = options.action == "dump" ? platform::MemoryAccess::kRead : platform::MemoryAccess::kNone;
  const auto client = platform::MemoryClient::Connect(host, connect);
  if (!client.ok()) return Fail(Printable(absl::StrCat("'", options.socket, "': ", client.status().message())));
  if (options.action == "dump") return Dump(**client, options);
  if (options.action == "export") return Export(host, **client, options);
  const auto reply = (*client)->Call(Request(options, options.action).dump());
  if (!reply.ok()) return Fail(Printable(std::string(reply.status().message())));
  return WriteStdout(Printable(reply->body)) ? 0 : kExitUsage;
}

}  // namespace zirconia::cli
