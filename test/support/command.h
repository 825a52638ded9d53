// Runs a command as a person would, and keeps what it said.
#ifndef ZIRCONIA_TEST_SUPPORT_COMMAND_H_
#define ZIRCONIA_TEST_SUPPORT_COMMAND_H_

#include <string>
#include <vector>

namespace zirconia::test {

struct CommandResult {
  int exit_code = -1;  // -1: it was killed by `signal`, or by the time limit (then `timed_out`)
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;
};

// Runs `words[0]` with arguments, without standard input; it is killed after `seconds`.
CommandResult RunCommand(const std::vector<std::string>& words, int seconds = 120);

// A file with this content that goes when the object does.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace zirconia::test

#endif  // ZIRCONIA_TEST_SUPPORT_COMMAND_H_
