// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "benchmarks.h"
#include "paths.h"

namespace polycube::bench {

namespace {

constexpr unsigned fast_path_bar = 20;
constexpr unsigned control_bar = 0;

// Lines that hold anything but blanks and comments. String literals do not hide comment signs in these files.
unsigned count_lines(std::istream& file) {
  unsigned count = 0;
  bool in_comment = false;
  for (std::string line; std::getline(file, line);) {
    bool code = false;
    for (std::size_t i = 0; i < line.size(); i++) {
      if (in_comment) {
        if (line.compare(i, 2, "*/") == 0) in_comment = false, i++;
      } else if (line.compare(i, 2, "//") == 0) {
        break;
      } else if (line.compare(i, 2, "/*") == 0) {
        in_comment = true;
        i++;
      } else if (!isspace(static_cast<unsigned char>(line[i]))) {
        code = true;
      }
    }
    count += code;
  }
  return count;
}

Result<unsigned> lines_of(const std::filesystem::path& name) {
  std::ifstream file(paths().source / name);
  if (!file) return fail(ErrorCode::not_found, "cannot read {}", (paths().source / name).string());
  return count_lines(file);
}

// All files below a folder that need not exist.
Result<unsigned> lines_below(const std::filesystem::path& folder) {
  unsigned count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(paths().source / folder, error)) {
    if (!entry.is_regular_file()) continue;
    PCN_ASSIGN(const unsigned lines, lines_of(std::filesystem::relative(entry.path(), paths().source)));
    count += lines;
  }
  return count;
}

}  // namespace

Result<> lines(Report& report, const Effort&) {
  report.section("Lines of code (neither blank nor comment) of a forwarder");
  PCN_ASSIGN(const unsigned fast_path, lines_of("cubes/simpleforwarder/bpf/simpleforwarder.bpf.c"));
  PCN_ASSIGN(const unsigned table, lines_of("cubes/simpleforwarder/abi/simpleforwarder.h"));
  PCN_ASSIGN(const unsigned control, lines_below("cubes/simpleforwarder/control"));
  PCN_ASSIGN(const unsigned xdp, lines_of("benchmarks/bpf/xdp_redirect.bpf.c"));
  PCN_ASSIGN(const unsigned tc, lines_of("benchmarks/bpf/tc_redirect.bpf.c"));
  PCN_ASSIGN(const unsigned loader, lines_of("benchmarks/handwritten/redirect_loader.cpp"));
  report.add({.what = "fast path, both hooks",
              .figure = fmt::format("{} (and {} that define the table's element)", fast_path, table),
              .reference = fmt::format("{} for XDP, {} for TC", xdp, tc),
              .ratio = {},
              .bar = fmt::format("<= {}", fast_path_bar),
              .met = fast_path <= fast_path_bar,
              .details = {{"fast_path", fast_path}, {"abi", table}, {"xdp_redirect", xdp}, {"tc_redirect", tc}}});
  report.add({.what = "control code",
              .figure = fmt::format("{}", control),
              .reference = fmt::format("{} to load and attach, nothing configurable while it runs", loader),
              .ratio = {},
              .bar = fmt::format("{}", control_bar),
              .met = control <= control_bar,
              .details = {{"control", control}, {"loader", loader}}});
  return {};
}

}  // namespace polycube::bench
