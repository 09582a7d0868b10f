// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

namespace polycube::log {

namespace {

// Whether standard error, as it is now, is what the service manager has connected with the journal.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file{};
  return stream != nullptr && fstat(STDERR_FILENO, &file) == 0 &&
         fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

int priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical: return 2;
    case spdlog::level::err: return 3;
    case spdlog::level::warn: return 4;
    case spdlog::level::info: return 6;
    default: return 7;
  }
}

// The journal takes each line for an entry: those of one message have one priority.
class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string_view rest(message.payload.data(), message.payload.size());
    std::string lines;
    do {
      const auto end = std::min(rest.find('\n'), rest.size());
      lines += fmt::format("<{}>{}\n", priority(message.level), rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    } while (!rest.empty());
    (void)std::fwrite(lines.data(), 1, lines.size(), stderr);
  }
  void flush_() override { (void)std::fflush(stderr); }
};

}  // namespace

Result<spdlog::level::level_enum> parse_level(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  static constexpr std::pair<std::string_view, spdlog::level::level_enum> levels[] = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
      {"warn", spdlog::level::warn},   {"err", spdlog::level::err},     {"critical", spdlog::level::critical},
      {"off", spdlog::level::off},
  };
  for (const auto& [text, level] : levels)
    if (lower == text) return level;
  return fail(ErrorCode::invalid_value,
              "{} is not a valid logging level; use trace, debug, info, warn, err, critical or off", name);
}

void start(spdlog::level::level_enum level) {
  spdlog::sink_ptr sink;
  if (stderr_is_journal())
    sink = std::make_shared<JournalSink>();
  else
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("polycubed", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-8l %v");
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void write(spdlog::level::level_enum level, std::string_view text, std::chrono::system_clock::time_point time) {
  const spdlog::logger& own = *spdlog::default_logger_raw();
  spdlog::logger lines(own.name(), own.sinks().begin(), own.sinks().end());
  lines.set_level(spdlog::level::trace);
  lines.flush_on(spdlog::level::trace);
  lines.log(time, {}, level, text);
}

}  // namespace polycube::log
