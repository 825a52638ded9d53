// The three standard descriptors of the command line.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_CONSOLE_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_CONSOLE_H_

#include "absl/strings/string_view.h"

namespace zirconia::cli {

// Fills those of the three that were closed, so that no file of ours (a machine's memory!) becomes standard output.
// What is written to one that was closed fails. Before anything else is opened.
void ReserveStandardDescriptors();

// Everything that Zirconia says itself, on standard error; lines of several threads don't mix.
void Say(absl::string_view text);

// The guest's console is our standard output, byte for byte. Once nobody reads it, what is written is lost, as on a
// machine whose console is unplugged; any other failure is said, once. One thread at a time. Returns whether nothing is
// lost.
bool WriteStdout(absl::string_view text);

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_CONSOLE_H_
