// SPDX-License-Identifier: Apache-2.0
/// Who asked for which change, from where, and what came of it: one line of JSON a request, refused ones included.
/// Why: the history says what the configuration became; this says what was tried, and it is not the daemon's own log, whose
/// level and destination operators choose for other reasons.
/// Invariants: a line is written whole or not at all, and a client can forge none. A file that cannot be written (a full disk)
/// stops nothing: what is missing is counted and said. Bodies are cut, without the blanks that mean nothing, and have their
/// length and SHA-256 with them, by which somebody who has one can tell whether it was this one; models have no secrets; should one have some, its
/// requests must not come here with their bodies.
/// Threading: safe from every thread.
/// Units: sizes in bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api/http.h"
#include "base/fd.h"
#include "base/result.h"

namespace polycube::api {

/// The first `count` bytes of a JSON or XML document without blanks between values, comments and line breaks.
[[nodiscard]] std::string squeezed(std::string_view document, std::size_t count);

class AuditLog {
 public:
  static constexpr std::size_t shown_body = 2000;

  /// Appends to a file, of mode 0600, which is renamed to FILE.1 when it is full, FILE.1 to FILE.2, up to FILE.3.
  /// Errors: system.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(const std::filesystem::path& file,
                                                              std::uint64_t full = 10U << 20);
  /// To the system's log (facility authpriv), which journald takes as well.
  [[nodiscard]] static std::unique_ptr<AuditLog> to_syslog();

  /// Goes on in a file of that name, since somebody has moved the one before. Errors: system; then it goes on as before.
  [[nodiscard]] Result<> reopen();

  /// `message`: why it was refused, or empty.
  void record(const HttpRequest& request, int status, const std::string& message);

 private:
  AuditLog() = default;
  [[nodiscard]] Result<> open_file();
  [[nodiscard]] Result<> rotate();
  [[nodiscard]] Result<> append(const std::string& line);

  std::mutex mutex_;
  std::filesystem::path file_;  ///< empty: the system's log
  std::uint64_t full_ = 0;
  Fd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_ = 0;  ///< since that was said
};

}  // namespace polycube::api
