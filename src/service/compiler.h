// SPDX-License-Identifier: Apache-2.0
/// Compiles the C source of a program that a control plane wrote at run time.
/// Why: fast paths are compiled ahead of time; what is only known at run time is compiled when it is, if there is a compiler.
/// Invariants: the compiler runs in a sandbox: it sees /usr and the SDK's headers, and no other file, process or network,
/// has no privileges, and bounds on time, memory and output.
/// Threading: safe from every thread; takes some tenths of a second.
#pragma once

#include <polycube/program.h>

#include <chrono>
#include <filesystem>

#include "base/result.h"

namespace polycube::service {

/// What is run, and where the headers are; for tests, too.
struct CompilerTools {
  std::filesystem::path clang = "/usr/bin/clang-19";
  std::filesystem::path sandbox = "/usr/bin/bwrap";
  std::filesystem::path headers;          ///< folder with polycube/cube.h; empty: that of this program's installation
  std::chrono::milliseconds time{10000};  ///< for all objects together
};

/// Whether it is no more than one of: a name, source, objects. Errors: invalid_value.
[[nodiscard]] Result<> check_kind(const control::Code& code);

/// The code with objects instead of source, for the hooks that `program` of a cube at `hook` needs. Code without source
/// stays as it is. Errors: invalid_value, whose message begins with the first diagnostic and whose detail has all;
/// unsupported_feature (what has to be installed); limit_exceeded; those of check_kind().
[[nodiscard]] Result<control::Code> compile(const control::Code& code, control::Hook hook,
                                            const control::Program& program, const CompilerTools& tools = {});

}  // namespace polycube::service
