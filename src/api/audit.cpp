// SPDX-License-Identifier: Apache-2.0
#include "api/audit.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"

namespace polycube::api {

namespace {

constexpr int kept_files = 3;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string squeezed_json(std::string_view document, std::size_t count) {
  std::string text;
  bool quoted = false;
  for (std::size_t i = 0; i < document.size() && text.size() < count; ++i) {
    const char c = document[i];
    if (!quoted && is_blank(c)) continue;
    text += c;
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\' && i + 1 < document.size()) text += document[++i];
  }
  return text.substr(0, count);
}

// Blanks in a value are kept as one.
std::string squeezed_xml(std::string_view document, std::size_t count) {
  constexpr std::string_view comment = "<!--";
  constexpr std::string_view comment_end = "-->";
  std::string text;
  bool blank = false;
  for (std::size_t i = 0; i < document.size() && text.size() < count; ++i) {
    const char c = document[i];
    if (document.substr(i).starts_with(comment)) {
      const auto end = document.find(comment_end, i + comment.size());
      i = end == std::string_view::npos ? document.size() : end + comment_end.size() - 1;
    } else if (is_blank(c)) {
      blank = true;
    } else {
      const bool between = text.empty() || (text.back() == '>' && c == '<');
      if (std::exchange(blank, false) && !between) text += ' ';
      text += c;
    }
  }
  return text.substr(0, count);
}

std::string sha256(const std::string& body) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string line_of(const HttpRequest& request, int status, const std::string& message) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  nlohmann::ordered_json record;
  record["time"] = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                               utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.time_since_epoch().count() % 1000);
  record["user"] = request.client.user;
  record["from"] = request.client.address;
  record["method"] = request.method;
  record["target"] = request.target;
  record["status"] = status;
  if (!message.empty()) record["refused"] = message;
  if (!request.body.empty()) {
    record["body"] = squeezed(request.body, AuditLog::shown_body);
    record["body-length"] = request.body.size();
    record["body-sha256"] = sha256(request.body);
  }
  // Bytes that are no UTF-8 are replaced, everything else that could end a line or drive a terminal is escaped.
  return record.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string squeezed(std::string_view document, std::size_t count) {
  const auto first = std::find_if_not(document.begin(), document.end(), is_blank);
  return first != document.end() && *first == '<' ? squeezed_xml(document, count) : squeezed_json(document, count);
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::filesystem::path& file, std::uint64_t full) {
  std::unique_ptr<AuditLog> log(new AuditLog);
  log->file_ = file;
  log->full_ = full;
  PCN_TRY(log->open_file());
  return log;
}

std::unique_ptr<AuditLog> AuditLog::to_syslog() { return std::unique_ptr<AuditLog>(new AuditLog); }

Result<> AuditLog::open_file() {
  Fd fd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) < 0)
    return fail_errno(errno, fmt::format("cannot open the audit log {}", file_.native()));
  fd_ = std::move(fd);
  size_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

Result<> AuditLog::rotate() {
  const auto name = [&](int number) {
    return number == 0 ? file_.native() : fmt::format("{}.{}", file_.native(), number);
  };
  for (int number = kept_files; number > 0; --number)
    if (::rename(name(number - 1).c_str(), name(number).c_str()) < 0 && errno != ENOENT)
      return fail_errno(errno, fmt::format("cannot rename the audit log {}", name(number - 1)));
  fd_ = Fd();
  return open_file();
}

Result<> AuditLog::reopen() {
  const std::lock_guard lock(mutex_);
  return file_.empty() ? Result<>() : open_file();
}

Result<> AuditLog::append(const std::string& line) {
  if (fd_ && size_ > 0 && size_ + line.size() > full_) PCN_TRY(rotate());
  if (!fd_) PCN_TRY(open_file());
  const ssize_t written = ::write(fd_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    size_ += line.size();
    return {};
  }
  const int error = written < 0 ? errno : ENOSPC;
  // Half a line would make the next one unreadable.
  if (written > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) < 0) fd_ = Fd();
  return fail_errno(error, fmt::format("cannot write the audit log {}", file_.native()));
}

void AuditLog::record(const HttpRequest& request, int status, const std::string& message) {
  const std::string line = line_of(request, status, message);
  const std::lock_guard lock(mutex_);
  if (file_.empty()) {
    ::syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line.c_str());
    return;
  }
  if (auto done = append(line + '\n'); !done) {
    if (lost_++ == 0) log::error("{}; requests are carried out all the same", done.error().message);
  } else if (lost_ > 0) {
    log::error("{} records of the audit log are lost", std::exchange(lost_, 0));
  }
}

}  // namespace polycube::api
