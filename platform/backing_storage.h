// The file below the machine's memory: how it comes to be, and how it goes.
#ifndef ZIRCONIA_PLATFORM_BACKING_STORAGE_H_
#define ZIRCONIA_PLATFORM_BACKING_STORAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "platform/backing_policy.h"
#include "platform/host.h"

namespace zirconia::platform {

// One open file of a fixed size, sparse, that can be mapped, punched, and (where asked for) run. A file that has a name
// is locked as long as it is open, so that others can see that its owner lives (see backing_sweep.h). What was
// created goes when the object does, whether its creation succeeded or not, unless it is to be kept.
class BackingStorage {
 public:
  struct Options {
    BackingPolicy policy = BackingPolicy::kMemfd;
    std::string directory;          // for all but memfd and kept
    std::string path;               // for kept
    std::string name = "zirconia";  // of a memfd, as /proc/PID/maps shows it
    uint64_t size = 0;              // in bytes, whole pages
    bool needs_executable = true;   // guests run code from it
  };

  // One file, by one policy. The status says what the host refused, where, and what might help. Before a file with a
  // name is made, those of runs that have crashed are swept from the directory.
  // INVALID_ARGUMENT: a kept file at the name of one that would be swept. ALREADY_EXISTS: something stands at the path
  // of a kept file. RESOURCE_EXHAUSTED: no room for a single page. Otherwise the host's error.
  static absl::StatusOr<std::unique_ptr<BackingStorage>> Create(Host& host, const Options& options);
  // The first of a choice that works; `options` says the rest. Where none does, the status lists why.
  static absl::StatusOr<std::unique_ptr<BackingStorage>> Create(Host& host, const BackingChoice& choice,
                                                                Options options);
  ~BackingStorage();
  BackingStorage(const BackingStorage&) = delete;
  BackingStorage& operator=(const BackingStorage&) = delete;

  // Lets a kept file stay from now on; other files aren't concerned.
  void Keep() { stays_ = options_.policy == BackingPolicy::kKept; }

  int fd() const { return fd_; }
  BackingPolicy policy() const { return options_.policy; }
  // Nobody who holds a descriptor can change the size.
  bool size_is_sealed() const { return options_.policy == BackingPolicy::kMemfd; }
  // Where the file can be found now; empty: it has no name.
  const std::string& path() const { return path_; }

 private:
  BackingStorage(Host& host, const Options& options) : host_(host), options_(options) {}

  absl::Status MakeFile();
  absl::Status MakeNamed();
  absl::Status Size();
  // The host's file system must give and take back single pages.
  absl::Status ProbeHoles();
  absl::Status ProbeExecutable();
  absl::Status UnlinkNow();
  // The host's failure of one call on this file.
  absl::Status Error(int error, absl::string_view what) const;
  // "a memfd", or the file by its path or directory, for messages.
  std::string Description() const;

  Host& host_;
  const Options options_;
  int fd_ = -1;
  std::string path_;
  bool stays_ = false;  // nothing is taken away at the end
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_BACKING_STORAGE_H_
