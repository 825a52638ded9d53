// zirconia doctor: what this host does, and what Zirconia makes of it.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_DOCTOR_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_DOCTOR_H_

#include <CLI/CLI.hpp>
#include <string>

#include "platform/doctor/diagnosis.h"

namespace zirconia::cli {

struct DoctorOptions {
  bool json = false;
};

CLI::App* AddDoctorCommand(CLI::App& app, DoctorOptions& options);

// Prints the diagnosis to stdout; 1 where guests can't run here, otherwise 0.
int Doctor(const DoctorOptions& options);

// For people: a group after the other, with the choices and the advice at the end.
std::string DiagnosisAsText(const platform::doctor::Diagnosis& diagnosis);

// For programs: an object for each group of facts, in which a value is null where it couldn't be tried; "reasons" has
// the same shape, and says why, or what a value rests on; "chosen", "advice", "can_run".
std::string DiagnosisAsJson(const platform::doctor::Diagnosis& diagnosis);

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_DOCTOR_H_
