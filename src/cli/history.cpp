// SPDX-License-Identifier: Apache-2.0
#include "cli/history.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/format.h"

namespace polycube::cli {
namespace {

constexpr std::uintmax_t max_bytes = 1'000'000;
constexpr int backups = 3;

void rotate(const std::filesystem::path& file) {
  std::error_code error;
  if (const auto size = std::filesystem::file_size(file, error); error || size < max_bytes) return;
  for (int i = backups; i > 0; --i) {
    const auto from = i == 1 ? file : std::filesystem::path(fmt::format("{}.{}", file.string(), i - 1));
    std::filesystem::rename(from, fmt::format("{}.{}", file.string(), i), error);
  }
}

void append(const std::filesystem::path& file, const std::string& text) {
  rotate(file);
  const Fd fd(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (fd) [[maybe_unused]]
    const auto written = ::write(fd.get(), text.data(), text.size());
}

}  // namespace

void record(const std::filesystem::path& folder, const std::vector<std::string>& arguments, int code,
            const std::string& text) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return;
  const auto line = fmt::format("{:%Y-%m-%dT%H:%M:%SZ} polycubectl {} -> {}\n", fmt::gmtime(std::time(nullptr)),
                                printable(fmt::format("{}", fmt::join(arguments, " "))), code);
  append(folder / "polycubectl.log", line);
  append(folder / "polycubectl_response.log", line + text);
}

}  // namespace polycube::cli
