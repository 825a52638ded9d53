// Every host call of scripted sequences fails in every way.
#ifndef ZIRCONIA_TEST_CAMPAIGN_EXHAUSTIVE_H_
#define ZIRCONIA_TEST_CAMPAIGN_EXHAUSTIVE_H_

#include <string>
#include <vector>

#include "platform/host_page_table.h"
#include "test/campaign/machine.h"
#include "test/campaign/matrix.h"
#include "test/campaign/operation.h"

namespace zirconia::campaign {

// Operations, all valid: first those that set the scene, then those whose host calls are made to fail.
struct Sequence {
  std::string name;
  MachineOptions machine;
  std::vector<Operation> setup;
  std::vector<Operation> script;
  // Host calls that it makes with every strategy, and how they fail: these cells of the matrix must not stay empty.
  std::vector<Matrix::Key> cells;
  bool replaces = false;  // it maps over what is mapped and realized
  // The kernel itself writes to memory, which must be there if it was promised.
  bool kernel_writes = false;
};

const std::vector<Sequence>& Sequences();

struct Finding {
  std::string sequence;
  std::string where;  // which operation, call and failure
  std::string what;
};

// Runs `sequence` once for each of its host calls and each way in which that can fail: once, and several times in a
// row; with everything checked after the operation in which it failed, and with the next operation coming first.
// Returns what went wrong, the first finding of each operation.
std::vector<Finding> RunExhaustively(const Sequence& sequence, const platform::HostPageTable::Options& table,
                                     Matrix& matrix);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_EXHAUSTIVE_H_
